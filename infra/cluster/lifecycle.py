"""Lifecycle hooks of a group: one waits until a new node is ready, the other until a terminating node is drained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_aws import autoscaling

from infra.boot.nodes import BOOT_HOOK
from infra.cluster.hook_seconds import BOOT_HOOK_SECONDS, DRAIN_HOOK_SECONDS

if TYPE_CHECKING:
    import pulumi


DRAIN_HOOK = "drain"
"""Hook in which a terminating node waits until the runbook of `interruptions.py` has drained it."""


def declare_lifecycle_hooks(
    name: str, *, group_name: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> tuple[pulumi.Resource, ...]:
    """Declare the two lifecycle hooks of an Auto Scaling group.

    They are separate resources and not part of the group, so changing one does not replace the group. No instance can
    bypass them, since a group is created without instances.

    A hook does not delay the interruption of a spot instance:
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html#lifecycle-hook-considerations

    Args:
        name: Logical name of the group.
        group_name: Physical name of the group.
        opts: Child options of the component that declares the group.
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
