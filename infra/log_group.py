"""Encrypted log groups with the stack's retention period, and metrics that count their events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_aws import cloudwatch

from infra.naming import LOG_GROUP, LOG_GROUP_PREFIX, physical_name
from infra.published_metrics import LOG_METRICS_NAMESPACE

if TYPE_CHECKING:
    from infra.component import Component
    from infra.stack_context import SecuredStack


def declare_log_group(
    parent: Component, name: str, *, stack: SecuredStack, purpose: str, tag: str
) -> cloudwatch.LogGroup:
    """Declare a log group as a child of a component.

    Args:
        parent: The component.
        name: Logical name of the log group.
        stack: The stack that owns it.
        purpose: Last part of its physical name, `/cfs/<environment>/<purpose>`.
        tag: Last part of its tag `Name`.
    """
    return cloudwatch.LogGroup(
        name,
        name=physical_name(LOG_GROUP, f"{LOG_GROUP_PREFIX}/{stack.environment}/{purpose}"),
        retention_in_days=stack.log_retention_days,
        kms_key_id=stack.key_arn,
        tags=stack.tags.for_resource(tag, role="logs"),
        opts=parent.child_options(),
    )


def declare_event_count(
    parent: Component, metric: str, *, stack: SecuredStack, logs: cloudwatch.LogGroup, pattern: str
) -> None:
    """Declare a metric that counts the events of a log group which match a filter pattern.

    Without a default value it is published, and charged, only in hours with such events.
    """
    cloudwatch.LogMetricFilter(
        metric,
        name=metric,
        log_group_name=logs.name,
        pattern=pattern,
        metric_transformation={
            "namespace": LOG_METRICS_NAMESPACE.format(environment=stack.environment),
            "name": metric,
            "value": "1",
            "unit": "Count",
        },
        opts=parent.child_options(),
    )
