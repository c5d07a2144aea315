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
    """Give the rights on the stack's own state: Pulumi's own folders in the bucket, below `.pulumi`."""
    stack = f"{NAMESPACE}/{ground.scope.environment}"
    bucket = ground.state_bucket_arn
    checkpoint = f"{bucket}/.pulumi/stacks/{stack}.json"
    prefixes = Condition(operator="StringLike", key="s3:prefix", values=("", ".pulumi", ".pulumi/*"))
    yield _right(STATE, "read", ("s3:ListBucket",), (bucket,), prefixes)
    yield _right(STATE, "read", ("s3:GetObject",), (f"{bucket}/.pulumi/meta.yaml", checkpoint, f"{checkpoint}.*"))
    yield _right(
        STATE,
        "write",
        ("s3:DeleteObject", "s3:GetObject", "s3:PutObject"),
        (
            checkpoint,
            f"{checkpoint}.*",
            f"{bucket}/.pulumi/backups/{stack}/*",
            f"{bucket}/.pulumi/history/{stack}/*",
            f"{bucket}/.pulumi/locks/organization/{stack}/*",
        ),
    )
    yield from _key(STATE, ground)
    # Pulumi's secrets provider `awskms` calls the key itself.
    yield _right(STATE, "read", ("kms:Decrypt",), (ground.key_arn,))
    yield _right(STATE, "write", ("kms:Encrypt", "kms:GenerateDataKey"), (ground.key_arn,))


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
    yield _right(reason, "write", ("kms:Decrypt", "kms:GenerateDataKey"), (ground.key_arn,), through)


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
