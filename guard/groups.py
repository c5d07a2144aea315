"""The environment's Auto Scaling groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guard.instances import environment_filters

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from guard.calls import AwsCalls
    from guard.environment import GuardSettings

LAUNCH, SCHEDULED_ACTIONS = "Launch", "ScheduledActions"
"""Auto Scaling processes that the guard suspends:
https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html"""

NO_SIZES = (0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class ScalingGroup:
    """An Auto Scaling group.

    Attributes:
        name: Its name.
        sizes: Its minimum, maximum and desired capacity.
        suspended: Its suspended processes.
        nodes: How many nodes it has when it runs: the tag `Nodes`; None without that tag.
        is_open: Whether its schedule has it run now.
    """

    name: str
    sizes: tuple[int, int, int]
    suspended: frozenset[str] = frozenset()
    nodes: int | None = None
    is_open: bool = True


def read_groups(calls: AwsCalls, settings: GuardSettings, *, with_schedules: bool) -> tuple[ScalingGroup, ...]:
    """Return the environment's groups.

    Args:
        calls: The account.
        settings: Whose groups.
        with_schedules: Whether to read their scheduled actions, without which each counts as open.
    """
    pages = calls.service_client("autoscaling").get_paginator("describe_auto_scaling_groups")
    closed = _closed_groups(calls) if with_schedules else frozenset()
    return tuple(
        _parse_group(answer, closed)
        for page in pages.paginate(Filters=environment_filters(settings))
        for answer in page["AutoScalingGroups"]
    )


def _closed_groups(calls: AwsCalls) -> frozenset[str]:
    """Return the groups whose next scheduled action starts nodes: their schedule has stopped them until then."""
    pages = calls.service_client("autoscaling").get_paginator("describe_scheduled_actions")
    following: dict[str, tuple[datetime, bool]] = {}
    for page in pages.paginate():
        for action in page["ScheduledUpdateGroupActions"]:
            if action.get("StartTime") is None or action.get("DesiredCapacity") is None:
                continue
            name, at = action["AutoScalingGroupName"], action["StartTime"]
            if name not in following or at < following[name][0]:
                following[name] = (at, action["DesiredCapacity"] > 0)
    return frozenset(name for name, (_, starts) in following.items() if starts)


def _parse_group(answer: Mapping[str, Any], closed: frozenset[str]) -> ScalingGroup:
    tags = {tag["Key"]: tag["Value"] for tag in answer["Tags"]}
    nodes = tags.get("Nodes", "")
    name = answer["AutoScalingGroupName"]
    return ScalingGroup(
        name=name,
        sizes=(answer["MinSize"], answer["MaxSize"], answer["DesiredCapacity"]),
        suspended=frozenset(process["ProcessName"] for process in answer.get("SuspendedProcesses", [])),
        nodes=int(nodes) if nodes.isdecimal() else None,
        is_open=name not in closed,
    )
