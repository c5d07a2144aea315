"""Lifecycle hooks of a group: a node reports that it is ready, and stops its services before it is terminated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_aws import autoscaling

from infra.boot.nodes import BOOT_HOOK

if TYPE_CHECKING:
    import pulumi


BOOT_HOOK_SECONDS = 1200
"""Time after which a group replaces a node that has not answered: 8 minutes in which a boot retries what the network
refuses, 4 for the release, and the reports."""

DRAIN_HOOK = "drain"
"""A node that its group terminates waits in this hook until the runbook of `interruptions.py` has drained it."""

DRAIN_HOOK_SECONDS = 300
"""Time after which a group terminates an undrained node: the drain's 110 seconds and the runbook's steps."""


def declare_lifecycle_hooks(
    name: str, *, group_name: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> tuple[pulumi.Resource, ...]:
    """Declare the two lifecycle hooks of an Auto Scaling group.

    They are resources beside the group, not inside it, so that a change of one is an update and not a replacement of
    the group. No instance slips through before they are there: a group is created without any.

    A hook does not hold a spot instance whose capacity EC2 takes back:
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html#lifecycle-hook-considerations

    Args:
        name: The group's logical name.
        group_name: Its physical name.
        opts: The options of a child of the component that declares the group.
    """
    return (
        autoscaling.LifecycleHook(
            f"{name}-{BOOT_HOOK}",
            name=BOOT_HOOK,
            autoscaling_group_name=group_name,
            lifecycle_transition="autoscaling:EC2_INSTANCE_LAUNCHING",
            default_result="ABANDON",
            heartbeat_timeout=BOOT_HOOK_SECONDS,
            opts=opts,
        ),
        autoscaling.LifecycleHook(
            f"{name}-{DRAIN_HOOK}",
            name=DRAIN_HOOK,
            autoscaling_group_name=group_name,
            lifecycle_transition="autoscaling:EC2_INSTANCE_TERMINATING",
            default_result="CONTINUE",
            heartbeat_timeout=DRAIN_HOOK_SECONDS,
            opts=opts,
        ),
    )
