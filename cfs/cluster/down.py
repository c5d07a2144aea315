"""`cfs cluster down`: stops nodes and restores the schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfs.clock import SystemClock
from cfs.cluster import waiting
from cfs.cluster.auto_scaling_groups import choose_groups, discover_groups
from cfs.cluster.stop_times import stop_request, stop_time_to_restore
from cfs.cluster.up import end_finished_fallbacks
from infra.schedules.occurrences import next_scheduled_start
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from cfs.aws import AwsAccount
    from cfs.clock import Clock
    from cfs.cluster.auto_scaling_groups import AutoScalingGroup


@dataclass(frozen=True, kw_only=True)
class StoppedGroups:
    """The groups as they were before they were stopped, and the next scheduled start of each, if any."""

    groups: Sequence[AutoScalingGroup]
    next_starts: Mapping[str, datetime | None]


def stop_cluster(
    aws: AwsAccount, environment: str, words: Sequence[str], *, clock: Clock | None = None
) -> StoppedGroups:
    """Stop nodes and wait until none is left.

    A stop that a window has postponed is restored first: otherwise nodes that the schedule starts in the meantime would
    run until the window's end. This command never postpones a stop, so nothing runs longer if it is killed.
    """
    now = aws.clock()
    groups = choose_groups(discover_groups(aws, environment), words)
    for group in groups:
        regular = stop_time_to_restore(group, now)
        if regular is not None:
            aws.call_operation("autoscaling", "put_scheduled_update_group_action", **stop_request(group, regular))
    for group in groups:
        aws.call_operation(
            "autoscaling",
            "update_auto_scaling_group",
            AutoScalingGroupName=group.full_name,
            MinSize=0,
            DesiredCapacity=0,
        )
    left = waiting.wait_until_gone(aws, environment, groups, clock=clock or SystemClock())
    if left:
        raise _not_gone_error(groups, [instance.id for instance in left])
    end_finished_fallbacks(aws, environment, discover_groups(aws, environment))
    return StoppedGroups(
        groups=groups, next_starts={group.name: next_scheduled_start(group.scheduled_actions, now) for group in groups}
    )


def _not_gone_error(groups: Sequence[AutoScalingGroup], left: Sequence[str]) -> UserError:
    reasons = [f"{group.name} has {', '.join(group.hindered_by)} suspended" for group in groups if group.hindered_by]
    protected = {member.id for group in groups for member in group.members if member.is_protected}
    reasons += [f"{identifier} is protected from scale-in" for identifier in left if identifier in protected]
    because = f" ({'; '.join(reasons)})" if reasons else ""
    minutes = waiting.GONE_SECONDS / 60
    return UserError(
        f"{len(left)} instances were not terminated within {minutes:.0f} minutes{because}: {', '.join(left)}.",
        repair=f"examine them, and terminate stuck ones: aws ec2 terminate-instances --instance-ids {' '.join(left)}",
    )
