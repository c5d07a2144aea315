"""`cfs cluster down`: the nodes stopped, and the schedule back in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfs.cluster import start, stops, waiting
from cfs.cluster.groups import choose, discover
from cfs.cluster.waiting import Pace
from infra.schedules.occurrences import next_start
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from cfs.cluster.aws import Aws
    from cfs.cluster.groups import NodeGroup


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """What has been stopped.

    Attributes:
        groups: The groups, as they were before.
        next_starts: When each is started next by its schedule; None where it is not.
    """

    groups: Sequence[NodeGroup]
    next_starts: Mapping[str, datetime | None]


def down(aws: Aws, environment: str, words: Sequence[str], *, pace: Pace | None = None) -> Stopped:
    """Stop nodes and wait until none is left.

    A stop that a window has moved past its regular time is put back first: else nodes that the schedule starts in the
    meantime would run until the window's end. It is never made later, so that nothing runs longer if this ends here.

    Raises:
        UserError: It cannot, or nodes are left when time is up.
    """
    now = aws.clock()
    groups = choose(discover(aws, environment), words)
    for group in groups:
        regular = stops.to_put_back(group, now)
        if regular is not None:
            aws.call("autoscaling", "put_scheduled_update_group_action", **stops.request(group, regular))
    for group in groups:
        aws.call(
            "autoscaling",
            "update_auto_scaling_group",
            AutoScalingGroupName=group.full_name,
            MinSize=0,
            DesiredCapacity=0,
        )
    left = waiting.until_gone(aws, environment, groups, pace=pace or Pace())
    if left:
        raise _not_gone(groups, [instance.id for instance in left])
    start.settle(aws, environment, discover(aws, environment))
    return Stopped(groups=groups, next_starts={group.name: next_start(group.actions, now) for group in groups})


def _not_gone(groups: Sequence[NodeGroup], left: Sequence[str]) -> UserError:
    reasons = [f"{group.name} has {', '.join(group.hindered_by)} suspended" for group in groups if group.hindered_by]
    protected = {member.id for group in groups for member in group.members if member.is_protected}
    reasons += [f"{identifier} is protected from scale-in" for identifier in left if identifier in protected]
    because = f" ({'; '.join(reasons)})" if reasons else ""
    minutes = waiting.GONE_SECONDS / 60
    return UserError(
        f"{len(left)} instances have not ended in {minutes:.0f} minutes{because}: {', '.join(left)}.",
        repair=f"look at them, and end what hangs: aws ec2 terminate-instances --instance-ids {' '.join(left)}",
    )
