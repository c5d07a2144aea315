"""Encrypted log groups with the stack's retention period."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_aws import cloudwatch

from infra.naming import LOG_GROUP, LOG_GROUP_PREFIX, physical_name

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
