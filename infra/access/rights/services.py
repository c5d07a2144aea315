"""Rights on services whose ARNs are known or contain the environment's name prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.access.grants import image_parameters_arn
from infra.access.rights.model import Right
from infra.access.rights.resource_type import TAGGING_REASON, ResourceType, table_rights
from infra.access.statements import EVERYTHING, region_condition, requested_tag_conditions, string_equals
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.access.job_scope import JobScope

STORAGE_TYPES: tuple[ResourceType, ...] = (
    ResourceType(
        type_tokens=(
            "aws:s3/bucket:Bucket",
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
            "aws:s3/bucketPolicy:BucketPolicy",
            "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            "aws:s3/bucketVersioning:BucketVersioning",
        ),
        arns=lambda scope: scope.bucket_arns,
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
        uncalled={"s3:ListTagsForResource": "the provider calls it by S3 Control, which only `make rehearse` emulates"},
    ),
    ResourceType(
        type_tokens=("aws:kms/key:Key",),
        arns=lambda scope: (scope.key_arn,),
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
            "kms:UpdateKeyDescription": "a description that changes",
        },
    ),
    ResourceType(
        type_tokens=("aws:kms/alias:Alias",),
        arns=lambda scope: (scope.key_arn, scope.regional_arn("kms", f"alias/{PROJECT_NAME}-{scope.environment}")),
        lists=("kms:ListAliases",),
        writes=("kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"),
        uncalled={"kms:UpdateAlias": "an alias that is given to another key"},
    ),
)

GROUP_TYPES: tuple[ResourceType, ...] = (
    ResourceType(
        type_tokens=(
            "aws:autoscaling/group:Group",
            "aws:autoscaling/lifecycleHook:LifecycleHook",
            "aws:autoscaling/schedule:Schedule",
        ),
        arns=lambda scope: (scope.named_arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/"),),
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
            "autoscaling:DisableMetricsCollection",
            "autoscaling:EnableMetricsCollection",
            "autoscaling:PutLifecycleHook",
            "autoscaling:PutScheduledUpdateGroupAction",
            "autoscaling:ResumeProcesses",
            "autoscaling:SuspendProcesses",
            "autoscaling:UpdateAutoScalingGroup",
        ),
        uncalled={
            "autoscaling:DisableMetricsCollection": "metrics that are no longer collected",
            "autoscaling:ResumeProcesses": "a process that is no longer suspended",
            "autoscaling:UpdateAutoScalingGroup": "a group that changes",
        },
    ),
)

OBSERVATION_TYPES: tuple[ResourceType, ...] = (
    ResourceType(
        type_tokens=("aws:cloudwatch/logGroup:LogGroup",),
        arns=lambda scope: (scope.log_groups_arn,),
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
        uncalled={"logs:AssociateKmsKey": "a group that gets another key"},
    ),
    ResourceType(
        type_tokens=("aws:cloudwatch/logMetricFilter:LogMetricFilter",),
        arns=lambda scope: (scope.log_groups_arn,),
        reads=("logs:DescribeMetricFilters",),
        writes=("logs:PutMetricFilter", "logs:DeleteMetricFilter"),
    ),
    ResourceType(
        type_tokens=("aws:cloudwatch/logResourcePolicy:LogResourcePolicy",),
        arns=lambda _: (EVERYTHING,),
        lists=("logs:DescribeResourcePolicies",),
        # Resource policies belong to the account and have no ARNs.
        writes=("logs:PutResourcePolicy", "logs:DeleteResourcePolicy"),
    ),
    ResourceType(
        type_tokens=("aws:sns/topic:Topic", "aws:sns/topicPolicy:TopicPolicy"),
        arns=lambda scope: (scope.named_arn("sns", ""),),
        reads=("sns:GetTopicAttributes", "sns:ListTagsForResource"),
        writes=("sns:CreateTopic", "sns:DeleteTopic", "sns:SetTopicAttributes", "sns:TagResource", "sns:UntagResource"),
    ),
    ResourceType(
        type_tokens=("aws:budgets/budget:Budget",),
        arns=lambda scope: (f"arn:aws:budgets::{scope.account_id}:budget/{scope.name_prefix}*",),
        reads=("budgets:ListTagsForResource", "budgets:ViewBudget"),
        writes=("budgets:ModifyBudget", "budgets:TagResource", "budgets:UntagResource"),
    ),
    ResourceType(
        type_tokens=("aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"),
        arns=lambda scope: (scope.named_arn("events", "rule/"),),
        reads=("events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule"),
        writes=(
            "events:DeleteRule",
            "events:PutRule",
            "events:PutTargets",
            "events:RemoveTargets",
            "events:TagResource",
            "events:UntagResource",
        ),
    ),
    ResourceType(
        type_tokens=("aws:scheduler/schedule:Schedule",),
        arns=lambda scope: (f"{scope.named_arn('scheduler', 'schedule/')}/*",),
        reads=("scheduler:GetSchedule",),
        writes=("scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:UpdateSchedule"),
        uncalled={"scheduler:UpdateSchedule": "other hours"},
    ),
    ResourceType(
        type_tokens=("aws:scheduler/scheduleGroup:ScheduleGroup",),
        arns=lambda scope: (scope.named_arn("scheduler", "schedule-group/"),),
        reads=("scheduler:GetScheduleGroup", "scheduler:ListTagsForResource"),
        writes=(
            "scheduler:CreateScheduleGroup",
            "scheduler:DeleteScheduleGroup",
            "scheduler:TagResource",
            "scheduler:UntagResource",
        ),
    ),
    ResourceType(
        type_tokens=("aws:ssm/document:Document",),
        arns=lambda scope: (scope.named_arn("ssm", "document/"),),
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
            "ssm:UpdateDocument": "a document that changes",
            "ssm:UpdateDocumentDefaultVersion": "a document that changes",
        },
    ),
    ResourceType(
        type_tokens=("aws:ssm/getParameter:getParameter",),
        arns=lambda scope: (image_parameters_arn(scope),),
        reads=("ssm:GetParameter", "ssm:GetParameters"),
        uncalled={"ssm:GetParameters": "AWS calls it for a launch template that names its image by a parameter"},
    ),
)


def storage_rights(scope: JobScope) -> Iterator[Right]:
    """Return the rights on buckets and on the key."""
    yield from table_rights(STORAGE_TYPES, scope)
    yield Right(
        access="write",
        actions=("kms:CreateKey",),
        resources=(EVERYTHING,),
        # A key has no ARN before it exists.
        conditions=(*requested_tag_conditions(scope), region_condition(scope)),
    )
    yield Right(
        access="write",
        actions=("kms:TagResource",),
        resources=(scope.regional_arn("kms", "key/*"),),
        conditions=requested_tag_conditions(scope),
        uncalled={"kms:TagResource": TAGGING_REASON},
    )


def group_rights(scope: JobScope) -> Iterator[Right]:
    """Return the rights on Auto Scaling groups, and to create the service-linked roles for launches."""
    yield from table_rights(GROUP_TYPES, scope)
    for service in ("autoscaling.amazonaws.com", "spot.amazonaws.com"):
        yield _service_role_right(scope, service, "the first group of an account, and its first spot node")


def observation_rights(scope: JobScope) -> Iterator[Right]:
    """Return the rights on logs, alerts and budgets."""
    yield from table_rights(OBSERVATION_TYPES, scope)
    reason = "AWS's reference says that a budget needs it; AWS calls it itself"
    yield _service_role_right(scope, "budgets.amazonaws.com", reason)


def _service_role_right(scope: JobScope, service: str, reason: str) -> Right:
    return Right(
        access="write",
        actions=("iam:CreateServiceLinkedRole",),
        resources=(scope.iam_arn(f"role/aws-service-role/{service}/*"),),
        conditions=(string_equals("iam:AWSServiceName", service),),
        uncalled={"iam:CreateServiceLinkedRole": reason},
    )
