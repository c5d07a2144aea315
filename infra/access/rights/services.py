"""Services whose resources have ARNs that are known, or begin with the environment's name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infra.access.policies import EVERYTHING, equals
from infra.access.rights.model import Right
from infra.storage.encryption import LOG_GROUPS
from infra.tags import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from infra.access.rights.model import Ground


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One resource type.

    Attributes:
        type: Pulumi's types.
        arns: Its resources' ARNs or patterns of them.
        lists: Actions that read and cannot be limited to resources.
        reads: Actions that read one.
        writes: Actions that create, change or delete one.
        uncalled: Actions that no recorded run calls, each with the reason that it is there.
    """

    type: tuple[str, ...]
    arns: Callable[[Ground], tuple[str, ...]]
    lists: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    uncalled: Mapping[str, str] = field(default_factory=dict)


WITH_ITS_TAGS = "the tags of what is created"
CHANGED_TAGS = "tags that change"


STORAGE: tuple[Kind, ...] = (
    Kind(
        type=(
            "aws:s3/bucket:Bucket",
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
            "aws:s3/bucketPolicy:BucketPolicy",
            "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            "aws:s3/bucketVersioning:BucketVersioning",
        ),
        arns=lambda ground: ground.buckets,
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
            "s3:TagResource": WITH_ITS_TAGS,
            "s3:UntagResource": CHANGED_TAGS,
        },
    ),
    Kind(
        type=("aws:kms/key:Key",),
        arns=lambda ground: (ground.key_arn,),
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
    Kind(
        type=("aws:kms/alias:Alias",),
        arns=lambda ground: (
            ground.key_arn,
            ground.scope.arn("kms", f"alias/{PROJECT}-{ground.scope.environment}"),
        ),
        lists=("kms:ListAliases",),
        writes=("kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"),
        uncalled={"kms:UpdateAlias": "an alias that is given to another key"},
    ),
)

GROUPS: tuple[Kind, ...] = (
    Kind(
        type=(
            "aws:autoscaling/group:Group",
            "aws:autoscaling/lifecycleHook:LifecycleHook",
            "aws:autoscaling/schedule:Schedule",
        ),
        arns=lambda ground: (
            ground.scope.arn(
                "autoscaling",
                f"autoScalingGroup:*:autoScalingGroupName/{PROJECT}-{ground.scope.environment}-*",
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
            "autoscaling:CreateOrUpdateTags": WITH_ITS_TAGS,
            "autoscaling:DeleteTags": CHANGED_TAGS,
            "autoscaling:UpdateAutoScalingGroup": "a group that changes",
        },
    ),
)

OBSERVATION: tuple[Kind, ...] = (
    Kind(
        type=("aws:cloudwatch/logGroup:LogGroup",),
        arns=lambda ground: (ground.scope.arn("logs", f"log-group:{LOG_GROUPS}/{ground.scope.environment}/*"),),
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
            "logs:TagResource": WITH_ITS_TAGS,
            "logs:UntagResource": CHANGED_TAGS,
        },
    ),
    Kind(
        type=("aws:cloudwatch/logMetricFilter:LogMetricFilter",),
        arns=lambda ground: (ground.scope.arn("logs", f"log-group:{LOG_GROUPS}/{ground.scope.environment}/*"),),
        reads=("logs:DescribeMetricFilters",),
        writes=("logs:PutMetricFilter", "logs:DeleteMetricFilter"),
    ),
    Kind(
        type=("aws:cloudwatch/logResourcePolicy:LogResourcePolicy",),
        arns=lambda _: (EVERYTHING,),
        lists=("logs:DescribeResourcePolicies",),
        # They are the account's, and CloudWatch Logs knows no ARNs of them.
        writes=("logs:PutResourcePolicy", "logs:DeleteResourcePolicy"),
    ),
    Kind(
        type=(
            "aws:sns/topic:Topic",
            "aws:sns/topicPolicy:TopicPolicy",
        ),
        arns=lambda ground: (ground.named("sns", ""),),
        reads=("sns:GetTopicAttributes", "sns:ListTagsForResource"),
        writes=("sns:CreateTopic", "sns:DeleteTopic", "sns:SetTopicAttributes", "sns:TagResource", "sns:UntagResource"),
        uncalled={"sns:TagResource": WITH_ITS_TAGS, "sns:UntagResource": CHANGED_TAGS},
    ),
    Kind(
        type=("aws:budgets/budget:Budget",),
        arns=lambda ground: (
            f"arn:aws:budgets::{ground.scope.account_id}:budget/{PROJECT}-{ground.scope.environment}-*",
        ),
        reads=("budgets:ListTagsForResource", "budgets:ViewBudget"),
        writes=("budgets:ModifyBudget", "budgets:TagResource", "budgets:UntagResource"),
        uncalled={"budgets:TagResource": WITH_ITS_TAGS, "budgets:UntagResource": CHANGED_TAGS},
    ),
    Kind(
        type=("aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"),
        arns=lambda ground: (ground.named("events", "rule/"),),
        reads=("events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule"),
        writes=(
            "events:DeleteRule",
            "events:PutRule",
            "events:PutTargets",
            "events:RemoveTargets",
            "events:TagResource",
            "events:UntagResource",
        ),
        uncalled={"events:TagResource": WITH_ITS_TAGS, "events:UntagResource": CHANGED_TAGS},
    ),
    Kind(
        type=("aws:scheduler/schedule:Schedule",),
        arns=lambda ground: (f"{ground.named('scheduler', 'schedule/')}/*",),
        reads=("scheduler:GetSchedule",),
        writes=("scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:UpdateSchedule"),
        uncalled={"scheduler:UpdateSchedule": "other hours"},
    ),
    Kind(
        type=("aws:scheduler/scheduleGroup:ScheduleGroup",),
        arns=lambda ground: (ground.named("scheduler", "schedule-group/"),),
        reads=("scheduler:GetScheduleGroup", "scheduler:ListTagsForResource"),
        writes=(
            "scheduler:CreateScheduleGroup",
            "scheduler:DeleteScheduleGroup",
            "scheduler:TagResource",
            "scheduler:UntagResource",
        ),
        uncalled={"scheduler:TagResource": WITH_ITS_TAGS, "scheduler:UntagResource": CHANGED_TAGS},
    ),
    Kind(
        type=("aws:ssm/document:Document",),
        arns=lambda ground: (ground.named("ssm", "document/"),),
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
            "ssm:AddTagsToResource": WITH_ITS_TAGS,
            "ssm:RemoveTagsFromResource": CHANGED_TAGS,
            "ssm:UpdateDocument": "a document that changes",
            "ssm:UpdateDocumentDefaultVersion": "likewise",
        },
    ),
    Kind(
        type=("aws:ssm/getParameter:getParameter",),
        arns=lambda ground: (f"arn:aws:ssm:{ground.scope.region}::parameter/aws/service/canonical/*",),
        reads=("ssm:GetParameter", "ssm:GetParameters"),
        uncalled={"ssm:GetParameters": "AWS calls it for a launch template that names its image by a parameter"},
    ),
)


def rights(kinds: Sequence[Kind], ground: Ground) -> Iterator[Right]:
    """Give the rights of some resource types."""
    for kind in kinds:
        yield from _kind_rights(kind, ground)


def storage(ground: Ground) -> Iterator[Right]:
    """Give the rights on buckets and on the key."""
    yield from rights(STORAGE, ground)
    yield Right(
        access="write",
        actions=("kms:CreateKey",),
        resources=(EVERYTHING,),
        # A key has no ARN before it is there.
        conditions=(*ground.scope.requested_tags(), ground.scope.in_region()),
    )
    yield Right(
        access="write",
        actions=("kms:TagResource",),
        resources=(ground.scope.arn("kms", "key/*"),),
        conditions=ground.scope.requested_tags(),
        uncalled={"kms:TagResource": WITH_ITS_TAGS},
    )


def groups(ground: Ground) -> Iterator[Right]:
    """Give the rights on Auto Scaling groups, and to let AWS make the roles by which they launch."""
    yield from rights(GROUPS, ground)
    for service in ("autoscaling.amazonaws.com", "spot.amazonaws.com"):
        yield Right(
            access="write",
            actions=("iam:CreateServiceLinkedRole",),
            resources=(f"arn:aws:iam::{ground.scope.account_id}:role/aws-service-role/{service}/*",),
            conditions=(equals("iam:AWSServiceName", service),),
            uncalled={"iam:CreateServiceLinkedRole": "the first group of an account, and its first spot node"},
        )


def observation(ground: Ground) -> Iterator[Right]:
    """Give the rights on logs, alerts and budgets."""
    yield from rights(OBSERVATION, ground)
    yield Right(
        access="write",
        actions=("iam:CreateServiceLinkedRole",),
        resources=(f"arn:aws:iam::{ground.scope.account_id}:role/aws-service-role/budgets.amazonaws.com/*",),
        conditions=(equals("iam:AWSServiceName", "budgets.amazonaws.com"),),
        uncalled={"iam:CreateServiceLinkedRole": "AWS's reference says that a budget needs it; AWS calls it itself"},
    )


def _kind_rights(kind: Kind, ground: Ground) -> Iterator[Right]:
    arns = kind.arns(ground)
    if kind.lists:
        yield Right(
            access="read",
            actions=kind.lists,
            resources=(EVERYTHING,),
            conditions=(equals("aws:RequestedRegion", ground.scope.region),),
            uncalled=_only(kind.uncalled, kind.lists),
        )
    if kind.reads:
        yield Right(access="read", actions=kind.reads, resources=arns, uncalled=_only(kind.uncalled, kind.reads))
    if kind.writes:
        yield Right(access="write", actions=kind.writes, resources=arns, uncalled=_only(kind.uncalled, kind.writes))


def _only(reasons: Mapping[str, str], actions: Sequence[str]) -> dict[str, str]:
    return {action: reason for action, reason in reasons.items() if action in actions}
