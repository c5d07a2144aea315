"""The node groups of a deployed stack, and their nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.e2e.stacks import Stack

GROUPS = {
    "storage-a": ("storage", "A", 3),
    "storage-b": ("storage", "B", 2),
    "fuse-client": ("client", "A", 1),
    "nfs-client": ("client", "A", 1),
    "conduit": ("conduit", "A", 1),
    "jepsen": ("jepsen", "A", 1),
}
"""Default role, site and number of nodes of each group."""


def describe_group(stack: Stack, group: str) -> dict[str, Any]:
    """Describe a node group's Auto Scaling group."""
    name = f"claudefs-local-{group}"
    [found] = stack.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])[
        "AutoScalingGroups"
    ]
    described: dict[str, Any] = found
    return described


def tags_of(described: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in described["Tags"]}


def launch_nodes(stack: Stack, group: str, count: int, *, most: int | None = None) -> list[dict[str, Any]]:
    """Launch a group's nodes outside Pulumi, as an operator would, and describe them."""
    name = f"claudefs-local-{group}"
    sizes = {"MaxSize": most} if most is not None else {}
    stack.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=name, MinSize=0, DesiredCapacity=count, **sizes
    )
    filters = [
        {"Name": "tag:aws:autoscaling:groupName", "Values": [name]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    reservations = stack.client("ec2").describe_instances(Filters=filters)["Reservations"]
    return [instance for reservation in reservations for instance in reservation["Instances"]]
