"""What jobs do in AWS beside deploying the stack: read and write its state, bring releases to nodes, reuse builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.access.grants import through_services
from infra.access.release_grants import release_grants
from infra.access.rights.model import Right
from infra.access.statements import EVERYTHING, Condition, string_equals
from infra.naming import CONFIG_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.access.job_scope import JobScope
    from infra.access.rights.model import AccessLevel

BUILD_METRICS_NAMESPACE = "CFS/CI"
"""The namespace of the builds' metrics."""

STATE_REASON = "Pulumi's own calls of its backend, which is a folder in recorded runs"
RELEASE_REASON = "`cfs deploy` calls it, not the stack"
RECOVERY_REASON = "only a deployment after one that died calls it"
BUILD_REASON = "builds call it, not the stack"


def state_rights(scope: JobScope) -> Iterator[Right]:
    """Return the rights on the stack's state, which Pulumi keeps below `.pulumi` in the state bucket.

    They suffice for `preview`, `up`, `refresh`, `destroy`, `cancel` and `stack export`. `stack init`, `stack tag set`,
    `stack history` and `stack rm` are for people.
    """
    stack = f"{CONFIG_NAMESPACE}/{scope.environment}"
    folder = f"{scope.state_bucket_arn}/.pulumi"
    checkpoint = f"{folder}/stacks/{stack}.json"
    # The copy before the last write, and a checkpoint that somebody has written compressed.
    variants = f"{checkpoint}.*"
    tags = f"{folder}/stacks/{stack}.pulumi-tags"
    # Without it S3 answers that what is not there is forbidden, and a stack need not have tags. It has no condition on
    # `s3:prefix`, which a request for an object does not carry.
    yield _make_right(STATE_REASON, "read", ("s3:ListBucket",), (scope.state_bucket_arn,))
    yield _make_right(STATE_REASON, "read", ("s3:GetObject",), (f"{folder}/meta.yaml", checkpoint, variants, tags))
    locks = f"{folder}/locks/organization/{stack}/*"
    yield _make_right(STATE_REASON, "write", ("s3:DeleteObject", "s3:GetObject", "s3:PutObject"), (locks,))
    copies = (f"{folder}/backups/{stack}/*", f"{folder}/history/{stack}/*")
    yield _make_right(STATE_REASON, "write", ("s3:PutObject",), (checkpoint, variants, *copies))
    # A compressed checkpoint is deleted when the plain one has taken its place.
    yield _make_right(STATE_REASON, "write", ("s3:DeleteObject",), (variants,))
    yield from _key_rights(STATE_REASON, scope)
    # Pulumi's secrets provider `awskms` decrypts the stack's data key itself. Only a new one would be encrypted.
    yield _make_right(STATE_REASON, "read", ("kms:Decrypt",), (scope.key_arn,))


def release_rights(scope: JobScope) -> Iterator[Right]:
    """Return the rights of `cfs deploy`."""
    for grant in release_grants(scope):
        yield Right.of(grant, "write", uncalled=RELEASE_REASON)


def recovery_rights(scope: JobScope) -> Iterator[Right]:
    """Return the rights to find what a dead run has created, besides those to read the stack's resources."""
    alarms = scope.regional_arn("cloudwatch", "alarm:*")
    yield _make_right(RECOVERY_REASON, "write", ("cloudwatch:DescribeAlarms",), (alarms,))
    yield _make_right(
        RECOVERY_REASON,
        "write",
        (
            "dynamodb:ListTables",
            "events:ListRules",
            "iam:ListInstanceProfiles",
            "iam:ListOpenIDConnectProviders",
            "iam:ListPolicies",
            "iam:ListRoles",
            "kms:ListKeys",
            "lambda:ListFunctions",
            "s3:ListAllMyBuckets",
            "scheduler:ListScheduleGroups",
            "sns:ListTopics",
            "sqs:ListQueues",
            "ssm:ListDocuments",
        ),
        (EVERYTHING,),
    )


def build_rights(scope: JobScope) -> Iterator[Right]:
    """Return the rights of builds: all read the build cache, those of the default branch fill it and put metrics."""
    bucket, namespace = scope.cache_bucket_arn, string_equals("cloudwatch:namespace", BUILD_METRICS_NAMESPACE)
    yield _make_right(BUILD_REASON, "read", ("s3:ListBucket",), (bucket,))
    yield _make_right(BUILD_REASON, "read", ("s3:GetObject",), (f"{bucket}/*",))
    yield _make_right(BUILD_REASON, "write", ("s3:PutObject",), (f"{bucket}/*",))
    yield _make_right(BUILD_REASON, "write", ("cloudwatch:PutMetricData",), (EVERYTHING,), namespace)
    yield from _key_rights(BUILD_REASON, scope)


def _key_rights(reason: str, scope: JobScope) -> Iterator[Right]:
    """Let S3 use the key for what it stores."""
    through = through_services(scope, "s3")
    yield _make_right(reason, "read", ("kms:Decrypt",), (scope.key_arn,), through)
    yield _make_right(reason, "write", ("kms:GenerateDataKey",), (scope.key_arn,), through)


def _make_right(
    reason: str, access: AccessLevel, actions: tuple[str, ...], resources: tuple[str, ...], *conditions: Condition
) -> Right:
    return Right(
        access=access,
        actions=actions,
        resources=resources,
        conditions=conditions,
        uncalled=dict.fromkeys(actions, reason),
    )
