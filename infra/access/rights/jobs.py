"""What jobs do in AWS beside deploying the stack: read and write its state, bring releases to nodes, reuse builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.access.policies import EVERYTHING, Condition, equals
from infra.access.rights.model import Right
from infra.naming import NAMESPACE
from infra.storage.releases import release_grants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.access.rights.model import Access, Ground

BUILD_METRICS = "CFS/CI"
"""The namespace of the builds' metrics."""

STATE = "Pulumi's own calls of its backend, which is a folder in recorded runs"
RELEASES = "`cfs deploy` calls it, not the stack"
BUILDS = "builds call it, not the stack"


def state(ground: Ground) -> Iterator[Right]:
    """Return the rights on the stack's state, which Pulumi keeps below `.pulumi` in the state bucket.

    They suffice for `preview`, `up`, `refresh`, `destroy`, `cancel` and `stack export`. `stack init`, `stack tag set`,
    `stack history` and `stack rm` are for people.
    """
    stack = f"{NAMESPACE}/{ground.scope.environment}"
    folder = f"{ground.state_bucket_arn}/.pulumi"
    checkpoint = f"{folder}/stacks/{stack}.json"
    # The copy before the last write, and a checkpoint that somebody has written compressed.
    variants = f"{checkpoint}.*"
    tags = f"{folder}/stacks/{stack}.pulumi-tags"
    # Without it S3 answers that what is not there is forbidden, and a stack need not have tags. It has no condition on
    # `s3:prefix`, which a request for an object does not carry.
    yield _right(STATE, "read", ("s3:ListBucket",), (ground.state_bucket_arn,))
    yield _right(STATE, "read", ("s3:GetObject",), (f"{folder}/meta.yaml", checkpoint, variants, tags))
    locks = f"{folder}/locks/organization/{stack}/*"
    yield _right(STATE, "write", ("s3:DeleteObject", "s3:GetObject", "s3:PutObject"), (locks,))
    copies = (f"{folder}/backups/{stack}/*", f"{folder}/history/{stack}/*")
    yield _right(STATE, "write", ("s3:PutObject",), (checkpoint, variants, *copies))
    # A compressed checkpoint is deleted when the plain one has taken its place.
    yield _right(STATE, "write", ("s3:DeleteObject",), (variants,))
    yield from _key(STATE, ground)
    # Pulumi's secrets provider `awskms` decrypts the stack's data key itself. Only a new one would be encrypted.
    yield _right(STATE, "read", ("kms:Decrypt",), (ground.key_arn,))


def release(ground: Ground) -> Iterator[Right]:
    """Give the rights of `cfs deploy`."""
    grants = release_grants(ground.scope, artifact_bucket_arn=ground.artifact_bucket_arn, key_arn=ground.key_arn)
    for grant in grants:
        yield _right(RELEASES, "write", grant.actions, grant.resources, *grant.conditions)


def builds(ground: Ground) -> Iterator[Right]:
    """Give the rights of builds: all read the build cache, those of the default branch fill it and put metrics."""
    bucket, namespace = ground.cache_bucket_arn, equals("cloudwatch:namespace", BUILD_METRICS)
    yield _right(BUILDS, "read", ("s3:ListBucket",), (bucket,))
    yield _right(BUILDS, "read", ("s3:GetObject",), (f"{bucket}/*",))
    yield _right(BUILDS, "write", ("s3:PutObject",), (f"{bucket}/*",))
    yield _right(BUILDS, "write", ("cloudwatch:PutMetricData",), (EVERYTHING,), namespace)
    yield from _key(BUILDS, ground)


def _key(reason: str, ground: Ground) -> Iterator[Right]:
    """Let S3 use the key for what it stores."""
    through = equals("kms:ViaService", f"s3.{ground.scope.region}.amazonaws.com")
    yield _right(reason, "read", ("kms:Decrypt",), (ground.key_arn,), through)
    yield _right(reason, "write", ("kms:GenerateDataKey",), (ground.key_arn,), through)


def _right(
    reason: str, access: Access, actions: tuple[str, ...], resources: tuple[str, ...], *conditions: Condition
) -> Right:
    return Right(
        access=access,
        actions=actions,
        resources=resources,
        conditions=conditions,
        uncalled=dict.fromkeys(actions, reason),
    )
