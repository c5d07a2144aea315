"""Grants of the cost guard's function: describe resources, and stop those with the environment's tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.access.grants import put_metrics, through_services, use_key, write_logs
from infra.access.statements import (
    EVERYTHING,
    Condition,
    Statement,
    existing_tag_conditions,
    is_present,
    is_true,
    region_condition,
    string_equals,
)
from infra.naming import guard_queue_name, guard_table_name

if TYPE_CHECKING:
    from infra.scope import Scope, SecuredScope

GUARD_TAG_PREFIX = "CfsGuard"
"""Key prefix of the tags that the guard writes. The provider ignores them (`aws:ignoreTags` in Pulumi.yaml)."""

GUARD_TAGS = tuple(f"{GUARD_TAG_PREFIX}{name}" for name in ("Action", "Error", "Reason"))
"""Keys of the tags that the guard may write: its last action, what failed, and the reason."""

METRIC_NAMESPACE = "CFS/Cost"
"""Namespace of the guard's metrics."""


def guard_grants(scope: SecuredScope) -> tuple[Statement, ...]:
    """Return all grants of the guard, which are also its permissions boundary."""
    return (*_measurement(scope), *_stopping(scope), *_tagging(scope), *_own_state(scope))


def _measurement(scope: SecuredScope) -> tuple[Statement, ...]:
    return (
        Statement(
            sid="SeeWhatRuns",
            actions=(
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeScheduledActions",
                "cloudwatch:GetMetricData",
                "cloudwatch:ListMetrics",
                "ec2:DescribeAddresses",
                "ec2:DescribeInstances",
                "ec2:DescribeNatGateways",
                "ec2:DescribeSpotPriceHistory",
                "ec2:DescribeVolumes",
            ),
            resources=(EVERYTHING,),
            conditions=(region_condition(scope),),
        ),
        # Cost Explorer has a single endpoint for all regions.
        Statement(sid="ReadCosts", actions=("ce:GetCostAndUsage",), resources=(EVERYTHING,)),
    )


def _stopping(scope: SecuredScope) -> tuple[Statement, ...]:
    own, role = existing_tag_conditions(scope), "aws:ResourceTag/Role"
    instances = scope.ec2_arn_patterns("instance")
    return (
        Statement(
            sid="HoldTaggedGroups",
            actions=(
                "autoscaling:ResumeProcesses",
                "autoscaling:SuspendProcesses",
                "autoscaling:UpdateAutoScalingGroup",
            ),
            resources=_groups(scope),
            conditions=own,
        ),
        Statement(
            sid="TerminateTaggedNodes",
            actions=("ec2:TerminateInstances",),
            resources=instances,
            conditions=(*own, Condition(operator="StringNotEquals", key=role, values=("orchestrator",))),
        ),
        Statement(
            sid="StopAndStartOrchestrator",
            actions=("ec2:StartInstances", "ec2:StopInstances"),
            resources=instances,
            conditions=(*own, string_equals(role, "orchestrator")),
        ),
        # On start, EC2 needs a KMS grant to decrypt the disks' data key.
        Statement(
            sid="LendKeyToStartedDisks",
            actions=("kms:CreateGrant",),
            resources=(scope.key_arn,),
            conditions=(through_services(scope, "ec2"), is_true("kms:GrantIsForAWSResource")),
        ),
    )


def _tagging(scope: Scope) -> tuple[Statement, ...]:
    # ForAllValues also matches if there are no keys.
    own_tags = (
        *existing_tag_conditions(scope),
        Condition(operator="ForAllValues:StringEquals", key="aws:TagKeys", values=GUARD_TAGS),
        is_present("aws:TagKeys"),
    )
    return (
        Statement(
            sid="TagInstances",
            actions=("ec2:CreateTags",),
            resources=scope.ec2_arn_patterns("instance"),
            conditions=own_tags,
        ),
        Statement(
            sid="TagGroups",
            actions=("autoscaling:CreateOrUpdateTags",),
            resources=_groups(scope),
            conditions=own_tags,
        ),
    )


def _own_state(scope: SecuredScope) -> tuple[Statement, ...]:
    return (
        Statement(
            sid="KeepLedger",
            actions=(
                "dynamodb:BatchGetItem",
                "dynamodb:PutItem",
            ),
            resources=(scope.regional_arn("dynamodb", f"table/{guard_table_name(scope.environment)}"),),
        ),
        Statement(
            sid="SetAgentsMode",
            actions=("ssm:GetParameter", "ssm:PutParameter"),
            resources=(scope.agents_mode_arn,),
        ),
        Statement(sid="Publish", actions=("sns:Publish",), resources=(scope.alert_topic_arn,)),
        use_key(scope, services=("sns",), encrypt=True),
        Statement(
            sid="KeepFailedEvents",
            actions=("sqs:SendMessage",),
            resources=(scope.regional_arn("sqs", guard_queue_name(scope.environment)),),
        ),
        put_metrics(METRIC_NAMESPACE),
        write_logs(scope),
    )


def _groups(scope: Scope) -> tuple[str, ...]:
    return (scope.named_arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/"),)
