"""Rights of jobs in addition to the stack's resources: Pulumi's state, releases, recovery, and the build cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.access.grants import through_services
from infra.access.release_grants import release_grants
from infra.access.rights.model import Right
from infra.access.statements import EVERYTHING, Condition, string_equals
from infra.naming import CONFIG_NAMESPACE, LOG_GROUP_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.access.job_scope import JobScope
    from infra.access.rights.model import AccessLevel

BUILD_METRICS_NAMESPACE = "CFS/CI"
"""Namespace of the builds' metrics."""

STATE_REASON = "Pulumi's own calls of its backend, which is a folder in recorded runs"
RELEASE_REASON = "`cfs deploy` calls it, not the stack"
RECOVERY_REASON = "only a deployment after an interrupted one calls it"
REPORT_REASON = "`cfs report` calls it, not the stack"
BUILD_REASON = "builds call it, not the stack"


def state_rights(scope: JobScope) -> Iterator[Right]:
    """Return the rights on the stack's state, which Pulumi keeps below `.pulumi` in the state bucket.

    They suffice for `preview`, `up`, `refresh`, `destroy`, `cancel` and `stack export`, but not for `stack init`,
    `stack tag set`, `stack history` and `stack rm`.
    """
    stack = f"{CONFIG_NAMESPACE}/{scope.environment}"
    folder = f"{scope.state_bucket_arn}/.pulumi"
    checkpoint = f"{folder}/stacks/{stack}.json"
    # The backup of the previous checkpoint, and a compressed checkpoint.
    variants = f"{checkpoint}.*"
    tags = f"{folder}/stacks/{stack}.pulumi-tags"
    # Without it S3 answers requests for missing objects, such as the optional tags, with 403 instead of 404. It cannot
    # have a condition on `s3:prefix`, since GetObject requests do not contain this key.
    yield _make_right(STATE_REASON, "read", ("s3:ListBucket",), (scope.state_bucket_arn,))
    yield _make_right(STATE_REASON, "read", ("s3:GetObject",), (f"{folder}/meta.yaml", checkpoint, variants, tags))
    locks = f"{folder}/locks/organization/{stack}/*"
    yield _make_right(STATE_REASON, "write", ("s3:DeleteObject", "s3:GetObject", "s3:PutObject"), (locks,))
    copies = (f"{folder}/backups/{stack}/*", f"{folder}/history/{stack}/*")
    yield _make_right(STATE_REASON, "write", ("s3:PutObject",), (checkpoint, variants, *copies))
    # Pulumi deletes a compressed checkpoint after it has written an uncompressed one.
    yield _make_right(STATE_REASON, "write", ("s3:DeleteObject",), (variants,))
    yield from _key_rights(STATE_REASON, scope)
    # Pulumi's secrets provider `awskms` calls KMS directly to decrypt the data key; only a new data key is encrypted.
    yield _make_right(STATE_REASON, "read", ("kms:Decrypt",), (scope.key_arn,))


def release_rights(scope: JobScope) -> Iterator[Right]:
    """Return the rights of `cfs deploy`."""
    for grant in release_grants(scope):
        yield Right.of(grant, "write", uncalled=RELEASE_REASON)


def recovery_rights(scope: JobScope) -> Iterator[Right]:
    """Return the additional rights to find resources that an interrupted run has created."""
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


def report_rights(scope: JobScope) -> Iterator[Right]:
    """Return the rights of `cfs report`, besides those to read dashboards and alarms: metrics, and the guard's log."""
    # Metrics have no ARNs.
    yield _make_right(REPORT_REASON, "read", ("cloudwatch:GetMetricData", "cloudwatch:ListMetrics"), (EVERYTHING,))
    log = scope.regional_arn("logs", f"log-group:{LOG_GROUP_PREFIX}/{scope.environment}/guard*")
    yield _make_right(REPORT_REASON, "read", ("logs:FilterLogEvents",), (log,))


def build_rights(scope: JobScope) -> Iterator[Right]:
    """Return the rights of builds: all read the build cache; builds of the default branch fill it and put metrics."""
    bucket, namespace = scope.cache_bucket_arn, string_equals("cloudwatch:namespace", BUILD_METRICS_NAMESPACE)
    yield _make_right(BUILD_REASON, "read", ("s3:ListBucket",), (bucket,))
    yield _make_right(BUILD_REASON, "read", ("s3:GetObject",), (f"{bucket}/*",))
    yield _make_right(BUILD_REASON, "write", ("s3:PutObject",), (f"{bucket}/*",))
    yield _make_right(BUILD_REASON, "write", ("cloudwatch:PutMetricData",), (EVERYTHING,), namespace)
    yield from _key_rights(BUILD_REASON, scope)


def _key_rights(reason: str, scope: JobScope) -> Iterator[Right]:
    """Return the rights to use the key through S3."""
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
