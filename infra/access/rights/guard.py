"""Rights on the cost guard's function, ledger, queue and parameter, on alarms, dashboards and cost anomalies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.access.rights.model import Right
from infra.access.rights.resource_type import TAGGING_REASON, ResourceType, table_rights
from infra.access.statements import EVERYTHING, existing_tag_conditions, region_condition, requested_tag_conditions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.access.job_scope import JobScope

GUARD_TYPES: tuple[ResourceType, ...] = (
    ResourceType(
        type_tokens=("aws:lambda/function:Function", "aws:lambda/permission:Permission"),
        arns=lambda scope: (scope.named_arn("lambda", "function:"),),
        reads=(
            "lambda:GetFunction",
            "lambda:GetFunctionCodeSigningConfig",
            "lambda:GetPolicy",
            "lambda:ListVersionsByFunction",
        ),
        writes=(
            "lambda:AddPermission",
            "lambda:CreateFunction",
            "lambda:DeleteFunction",
            "lambda:PutFunctionConcurrency",
            "lambda:RemovePermission",
            "lambda:TagResource",
            "lambda:UntagResource",
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
        ),
        uncalled={
            "lambda:UpdateFunctionCode": "code that changes",
            "lambda:UpdateFunctionConfiguration": "a function that changes",
        },
    ),
    ResourceType(
        type_tokens=("aws:dynamodb/table:Table",),
        arns=lambda scope: (scope.named_arn("dynamodb", "table/"),),
        reads=(
            "dynamodb:DescribeContinuousBackups",
            "dynamodb:DescribeTable",
            "dynamodb:DescribeTimeToLive",
            "dynamodb:ListTagsOfResource",
        ),
        writes=(
            "dynamodb:CreateTable",
            "dynamodb:DeleteTable",
            "dynamodb:TagResource",
            "dynamodb:UntagResource",
            "dynamodb:UpdateContinuousBackups",
            "dynamodb:UpdateTimeToLive",
        ),
    ),
    ResourceType(
        type_tokens=("aws:sqs/queue:Queue",),
        arns=lambda scope: (scope.named_arn("sqs", ""),),
        reads=("sqs:GetQueueAttributes", "sqs:ListQueueTags"),
        writes=("sqs:CreateQueue", "sqs:DeleteQueue", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"),
        uncalled={"sqs:SetQueueAttributes": "a queue that changes"},
    ),
    ResourceType(
        type_tokens=("aws:cloudwatch/metricAlarm:MetricAlarm",),
        arns=lambda scope: (scope.named_arn("cloudwatch", "alarm:"),),
        reads=("cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource"),
        writes=(
            "cloudwatch:DeleteAlarms",
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:TagResource",
            "cloudwatch:UntagResource",
        ),
    ),
    ResourceType(
        type_tokens=("aws:cloudwatch/dashboard:Dashboard",),
        # Dashboards belong to no region.
        arns=lambda scope: (f"arn:aws:cloudwatch::{scope.account_id}:dashboard/{scope.name_prefix}*",),
        reads=("cloudwatch:GetDashboard",),
        writes=("cloudwatch:DeleteDashboards", "cloudwatch:PutDashboard"),
    ),
    ResourceType(
        type_tokens=("aws:ssm/parameter:Parameter",),
        arns=lambda scope: (scope.named_arn("ssm", "parameter/"),),
        lists=("ssm:DescribeParameters",),
        reads=("ssm:GetParameter", "ssm:ListTagsForResource"),
        writes=("ssm:AddTagsToResource", "ssm:DeleteParameter", "ssm:PutParameter", "ssm:RemoveTagsFromResource"),
    ),
    ResourceType(
        type_tokens=("aws:sns/topicSubscription:TopicSubscription",),
        arns=lambda scope: (scope.alert_topic_arn,),
        reads=("sns:ListSubscriptionsByTopic",),
        writes=("sns:Subscribe",),
    ),
)


def guard_rights(scope: JobScope) -> Iterator[Right]:
    """Return the rights on the guard's resources and on monitors of cost anomalies."""
    yield from table_rights(GUARD_TYPES, scope)
    region = (region_condition(scope),)
    # SNS does not support resource-level permissions for subscriptions.
    yield Right(access="read", actions=("sns:GetSubscriptionAttributes",), resources=(EVERYTHING,), conditions=region)
    yield Right(
        access="write",
        actions=("sns:SetSubscriptionAttributes", "sns:Unsubscribe"),
        resources=(EVERYTHING,),
        conditions=region,
        uncalled={"sns:SetSubscriptionAttributes": "a subscription that changes"},
    )
    yield from _anomaly_rights(scope)


ANOMALY_TYPES = (
    "aws:costexplorer/anomalyMonitor:AnomalyMonitor",
    "aws:costexplorer/anomalySubscription:AnomalySubscription",
)
"""Cost Explorer's types, whose ARNs are unknown before they exist and do not contain their names."""


def _anomaly_rights(scope: JobScope) -> Iterator[Right]:
    arns = tuple(f"arn:aws:ce::{scope.account_id}:{kind}/*" for kind in ("anomalymonitor", "anomalysubscription"))
    own = existing_tag_conditions(scope)
    yield Right(
        access="read",
        actions=("ce:GetAnomalyMonitors", "ce:GetAnomalySubscriptions", "ce:ListTagsForResource"),
        resources=arns,
    )
    yield Right(
        access="write",
        actions=("ce:CreateAnomalyMonitor", "ce:CreateAnomalySubscription"),
        resources=(EVERYTHING,),
        conditions=requested_tag_conditions(scope),
    )
    changes = (
        "ce:DeleteAnomalyMonitor",
        "ce:DeleteAnomalySubscription",
        "ce:TagResource",
        "ce:UntagResource",
        "ce:UpdateAnomalyMonitor",
        "ce:UpdateAnomalySubscription",
    )
    reasons = dict.fromkeys(changes[-2:], "a monitor that changes") | dict.fromkeys(changes[2:4], TAGGING_REASON)
    yield Right(access="write", actions=changes, resources=arns, conditions=own, uncalled=reasons)
