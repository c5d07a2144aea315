"""Services whose resources have ARNs that are known, or begin with the environment's name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infra.access.policies import EVERYTHING, region_condition, requested_tag_conditions, string_equals
from infra.access.rights.model import Right
from infra.naming import LOG_GROUP_PREFIX
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from infra.access.rights.model import JobScope


@dataclass(frozen=True, kw_only=True)
class ServiceTypeRights:
    """One resource type.

    Attributes:
        type_tokens: Pulumi's types.
        resource_arns: Its resources' ARNs or patterns of them.
        lists: Actions that read and cannot be limited to resources.
        reads: Actions that read one.
        writes: Actions that create, change or delete one.
        uncalled: Actions that no recorded run calls, each with the reason that it is there.
    """

    type_tokens: tuple[str, ...]
    resource_arns: Callable[[JobScope], tuple[str, ...]]
    lists: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    uncalled: Mapping[str, str] = field(default_factory=dict)


CREATED_TAGS = "the tags of what is created"
CHANGED_TAGS = "tags that change"


STORAGE_TYPES: tuple[ServiceTypeRights, ...] = (
    ServiceTypeRights(
        type_tokens=(
            "aws:s3/bucket:Bucket",
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
            "aws:s3/bucketPolicy:BucketPolicy",
            "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            "aws:s3/bucketVersioning:BucketVersioning",
        ),
        resource_arns=lambda ground: ground.bucket_arns,
        reads=(
            "s3:GetAccelerateConfiguration",
            "s3:GetBucketAcl",
            "s3:GetBucketCORS",
            "s3:GetBucketLogging",
            "s3:GetBucketObjectLockConfiguration",
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketPolicy",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketRequestPayment",
            "s3:GetBucketTagging",
            "s3:GetBucketVersioning",
            "s3:GetBucketWebsite",
            "s3:GetEncryptionConfiguration",
            "s3:GetLifecycleConfiguration",
            "s3:GetReplicationConfiguration",
            "s3:ListBucket",
            "s3:ListTagsForResource",
        ),
        writes=(
            "s3:CreateBucket",
            "s3:DeleteBucket",
            "s3:DeleteBucketPolicy",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketPolicy",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutBucketTagging",
            "s3:PutBucketVersioning",
            "s3:PutEncryptionConfiguration",
            "s3:PutLifecycleConfiguration",
            "s3:TagResource",
            "s3:UntagResource",
        ),
        uncalled={
            "s3:ListTagsForResource": "how the provider reads tags where the account's buckets have access by tags",
            "s3:PutBucketTagging": CHANGED_TAGS,
            "s3:TagResource": CREATED_TAGS,
            "s3:UntagResource": CHANGED_TAGS,
        },
    ),
    ServiceTypeRights(
        type_tokens=("aws:kms/key:Key",),
        resource_arns=lambda ground: (ground.key_arn,),
        reads=("kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"),
        writes=(
            "kms:EnableKeyRotation",
            "kms:PutKeyPolicy",
            "kms:ScheduleKeyDeletion",
            "kms:TagResource",
            "kms:UntagResource",
            "kms:UpdateKeyDescription",
        ),
        uncalled={
            "kms:PutKeyPolicy": "a policy that changes",
            "kms:ScheduleKeyDeletion": "the key is protected, and destroyed when a setting allows it",
            "kms:TagResource": CHANGED_TAGS,
            "kms:UntagResource": CHANGED_TAGS,
            "kms:UpdateKeyDescription": "a description that changes",
        },
    ),
    ServiceTypeRights(
        type_tokens=("aws:kms/alias:Alias",),
        resource_arns=lambda ground: (
            ground.key_arn,
            ground.scope.regional_arn("kms", f"alias/{PROJECT_NAME}-{ground.scope.environment}"),
        ),
        lists=("kms:ListAliases",),
        writes=("kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"),
        uncalled={"kms:UpdateAlias": "an alias that is given to another key"},
    ),
)

GROUP_TYPES: tuple[ServiceTypeRights, ...] = (
    ServiceTypeRights(
        type_tokens=(
            "aws:autoscaling/group:Group",
            "aws:autoscaling/lifecycleHook:LifecycleHook",
            "aws:autoscaling/schedule:Schedule",
        ),
        resource_arns=lambda ground: (
            ground.scope.regional_arn(
                "autoscaling",
                f"autoScalingGroup:*:autoScalingGroupName/{PROJECT_NAME}-{ground.scope.environment}-*",
            ),
        ),
        lists=(
            "autoscaling:DescribeAutoScalingGroups",
            "autoscaling:DescribeLifecycleHooks",
            "autoscaling:DescribeScheduledActions",
        ),
        writes=(
            "autoscaling:CreateAutoScalingGroup",
            "autoscaling:CreateOrUpdateTags",
            "autoscaling:DeleteAutoScalingGroup",
            "autoscaling:DeleteLifecycleHook",
            "autoscaling:DeleteScheduledAction",
            "autoscaling:DeleteTags",
            "autoscaling:EnableMetricsCollection",
            "autoscaling:PutLifecycleHook",
            "autoscaling:PutScheduledUpdateGroupAction",
            "autoscaling:SuspendProcesses",
            "autoscaling:UpdateAutoScalingGroup",
        ),
        uncalled={
            "autoscaling:CreateOrUpdateTags": CREATED_TAGS,
            "autoscaling:DeleteTags": CHANGED_TAGS,
            "autoscaling:UpdateAutoScalingGroup": "a group that changes",
        },
    ),
)

OBSERVATION_TYPES: tuple[ServiceTypeRights, ...] = (
    ServiceTypeRights(
        type_tokens=("aws:cloudwatch/logGroup:LogGroup",),
        resource_arns=lambda ground: (
            ground.scope.regional_arn("logs", f"log-group:{LOG_GROUP_PREFIX}/{ground.scope.environment}/*"),
        ),
        lists=("logs:DescribeLogGroups",),
        reads=("logs:ListTagsForResource",),
        writes=(
            "logs:AssociateKmsKey",
            "logs:CreateLogGroup",
            "logs:DeleteLogGroup",
            "logs:PutRetentionPolicy",
            "logs:TagResource",
            "logs:UntagResource",
        ),
        uncalled={
            "logs:AssociateKmsKey": "a group that gets another key",
            "logs:TagResource": CREATED_TAGS,
            "logs:UntagResource": CHANGED_TAGS,
        },
    ),
    ServiceTypeRights(
        type_tokens=("aws:cloudwatch/logMetricFilter:LogMetricFilter",),
        resource_arns=lambda ground: (
            ground.scope.regional_arn("logs", f"log-group:{LOG_GROUP_PREFIX}/{ground.scope.environment}/*"),
        ),
        reads=("logs:DescribeMetricFilters",),
        writes=("logs:PutMetricFilter", "logs:DeleteMetricFilter"),
    ),
    ServiceTypeRights(
        type_tokens=("aws:cloudwatch/logResourcePolicy:LogResourcePolicy",),
        resource_arns=lambda _: (EVERYTHING,),
        lists=("logs:DescribeResourcePolicies",),
        # They are the account's, and CloudWatch Logs knows no ARNs of them.
        writes=("logs:PutResourcePolicy", "logs:DeleteResourcePolicy"),
    ),
    ServiceTypeRights(
        type_tokens=(
            "aws:sns/topic:Topic",
            "aws:sns/topicPolicy:TopicPolicy",
        ),
        resource_arns=lambda ground: (ground.scope.named_arn("sns", ""),),
        reads=("sns:GetTopicAttributes", "sns:ListTagsForResource"),
        writes=("sns:CreateTopic", "sns:DeleteTopic", "sns:SetTopicAttributes", "sns:TagResource", "sns:UntagResource"),
        uncalled={"sns:TagResource": CREATED_TAGS, "sns:UntagResource": CHANGED_TAGS},
    ),
    ServiceTypeRights(
        type_tokens=("aws:budgets/budget:Budget",),
        resource_arns=lambda ground: (
            f"arn:aws:budgets::{ground.scope.account_id}:budget/{PROJECT_NAME}-{ground.scope.environment}-*",
        ),
        reads=("budgets:ListTagsForResource", "budgets:ViewBudget"),
        writes=("budgets:ModifyBudget", "budgets:TagResource", "budgets:UntagResource"),
        uncalled={"budgets:TagResource": CREATED_TAGS, "budgets:UntagResource": CHANGED_TAGS},
    ),
    ServiceTypeRights(
        type_tokens=("aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"),
        resource_arns=lambda ground: (ground.scope.named_arn("events", "rule/"),),
        reads=("events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule"),
        writes=(
            "events:DeleteRule",
            "events:PutRule",
            "events:PutTargets",
            "events:RemoveTargets",
            "events:TagResource",
            "events:UntagResource",
        ),
        uncalled={"events:TagResource": CREATED_TAGS, "events:UntagResource": CHANGED_TAGS},
    ),
    ServiceTypeRights(
        type_tokens=("aws:scheduler/schedule:Schedule",),
        resource_arns=lambda ground: (f"{ground.scope.named_arn('scheduler', 'schedule/')}/*",),
        reads=("scheduler:GetSchedule",),
        writes=("scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:UpdateSchedule"),
        uncalled={"scheduler:UpdateSchedule": "other hours"},
    ),
    ServiceTypeRights(
        type_tokens=("aws:scheduler/scheduleGroup:ScheduleGroup",),
        resource_arns=lambda ground: (ground.scope.named_arn("scheduler", "schedule-group/"),),
        reads=("scheduler:GetScheduleGroup", "scheduler:ListTagsForResource"),
        writes=(
            "scheduler:CreateScheduleGroup",
            "scheduler:DeleteScheduleGroup",
            "scheduler:TagResource",
            "scheduler:UntagResource",
        ),
        uncalled={"scheduler:TagResource": CREATED_TAGS, "scheduler:UntagResource": CHANGED_TAGS},
    ),
    ServiceTypeRights(
        type_tokens=("aws:ssm/document:Document",),
        resource_arns=lambda ground: (ground.scope.named_arn("ssm", "document/"),),
        reads=("ssm:DescribeDocument", "ssm:DescribeDocumentPermission", "ssm:GetDocument"),
        writes=(
            "ssm:AddTagsToResource",
            "ssm:CreateDocument",
            "ssm:DeleteDocument",
            "ssm:RemoveTagsFromResource",
            "ssm:UpdateDocument",
            "ssm:UpdateDocumentDefaultVersion",
        ),
        uncalled={
            "ssm:AddTagsToResource": CREATED_TAGS,
            "ssm:RemoveTagsFromResource": CHANGED_TAGS,
            "ssm:UpdateDocument": "a document that changes",
            "ssm:UpdateDocumentDefaultVersion": "likewise",
        },
    ),
    ServiceTypeRights(
        type_tokens=("aws:ssm/getParameter:getParameter",),
        resource_arns=lambda ground: (f"arn:aws:ssm:{ground.scope.region}::parameter/aws/service/canonical/*",),
        reads=("ssm:GetParameter", "ssm:GetParameters"),
        uncalled={"ssm:GetParameters": "AWS calls it for a launch template that names its image by a parameter"},
    ),
)


def table_rights(kinds: Sequence[ServiceTypeRights], job_scope: JobScope) -> Iterator[Right]:
    """Return the rights of some resource types."""
    for kind in kinds:
        yield from _single_type_rights(kind, job_scope)


def storage_rights(job_scope: JobScope) -> Iterator[Right]:
    """Return the rights on buckets and on the key."""
    yield from table_rights(STORAGE_TYPES, job_scope)
    yield Right(
        access="write",
        actions=("kms:CreateKey",),
        resources=(EVERYTHING,),
        # A key has no ARN before it is there.
        conditions=(*requested_tag_conditions(job_scope.scope), region_condition(job_scope.scope)),
    )
    yield Right(
        access="write",
        actions=("kms:TagResource",),
        resources=(job_scope.scope.regional_arn("kms", "key/*"),),
        conditions=requested_tag_conditions(job_scope.scope),
        uncalled={"kms:TagResource": CREATED_TAGS},
    )


def group_rights(job_scope: JobScope) -> Iterator[Right]:
    """Return the rights on Auto Scaling groups, and to let AWS make the roles by which they launch."""
    yield from table_rights(GROUP_TYPES, job_scope)
    for service in ("autoscaling.amazonaws.com", "spot.amazonaws.com"):
        yield Right(
            access="write",
            actions=("iam:CreateServiceLinkedRole",),
            resources=(f"arn:aws:iam::{job_scope.scope.account_id}:role/aws-service-role/{service}/*",),
            conditions=(string_equals("iam:AWSServiceName", service),),
            uncalled={"iam:CreateServiceLinkedRole": "the first group of an account, and its first spot node"},
        )


def observation_rights(job_scope: JobScope) -> Iterator[Right]:
    """Return the rights on logs, alerts and budgets."""
    yield from table_rights(OBSERVATION_TYPES, job_scope)
    yield Right(
        access="write",
        actions=("iam:CreateServiceLinkedRole",),
        resources=(f"arn:aws:iam::{job_scope.scope.account_id}:role/aws-service-role/budgets.amazonaws.com/*",),
        conditions=(string_equals("iam:AWSServiceName", "budgets.amazonaws.com"),),
        uncalled={"iam:CreateServiceLinkedRole": "AWS's reference says that a budget needs it; AWS calls it itself"},
    )


def _single_type_rights(kind: ServiceTypeRights, job_scope: JobScope) -> Iterator[Right]:
    arns = kind.resource_arns(job_scope)
    if kind.lists:
        yield Right(
            access="read",
            actions=kind.lists,
            resources=(EVERYTHING,),
            conditions=(string_equals("aws:RequestedRegion", job_scope.scope.region),),
            uncalled=_reasons_for(kind.uncalled, kind.lists),
        )
    if kind.reads:
        yield Right(access="read", actions=kind.reads, resources=arns, uncalled=_reasons_for(kind.uncalled, kind.reads))
    if kind.writes:
        yield Right(
            access="write", actions=kind.writes, resources=arns, uncalled=_reasons_for(kind.uncalled, kind.writes)
        )


def _reasons_for(reasons: Mapping[str, str], actions: Sequence[str]) -> dict[str, str]:
    return {action: reason for action, reason in reasons.items() if action in actions}
