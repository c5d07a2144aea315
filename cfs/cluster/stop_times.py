"""Times at which groups stop: the scheduled action `stop`, which a window moves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from infra.schedules.occurrences import next_occurrence, window_end
from terminal.errors import UserError

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from cfs.cluster.auto_scaling_groups import AutoScalingGroup
    from infra.schedules.schedule import ScheduledAction

StopReason = Literal["window", "period", "held"]
"""Reason for the time of a stop. `window`: the window ends; `period`: the schedule's period that contains the window's
end does; `held`: the group's nodes already run longer than that."""

_SIZE_KEYS = ("MinSize", "MaxSize", "DesiredCapacity")


@dataclass(frozen=True, kw_only=True)
class PlannedStop:
    """Planned stop of a group."""

    group: AutoScalingGroup
    at: datetime
    reason: StopReason


def plan_stop(group: AutoScalingGroup, *, now: datetime, duration: timedelta, shorten: bool) -> PlannedStop:
    """Decide when a group stops after a window that begins now.

    It stops at the end of the window or, if that falls within a period of the schedule, at that period's regular stop.
    Nodes that already run are not stopped earlier than the schedule or another window would, unless `shorten` is set.
    """
    _recurring_stop(group)
    alone = window_end(group.scheduled_actions, now, duration).replace(microsecond=0)
    runs_on = group.desired > 0 and not shorten
    at = window_end(group.scheduled_actions, now, duration, running=runs_on).replace(microsecond=0)
    if at > alone:
        return PlannedStop(group=group, at=at, reason="held")
    return PlannedStop(
        group=group, at=at, reason="window" if at == (now + duration).replace(microsecond=0) else "period"
    )


def held_until(stop: ScheduledAction, now: datetime) -> datetime | None:
    """Return the time to which a window has moved a stop, or None if it is at its regular time."""
    if stop.start_time is None or stop.start_time <= now or stop.start_time == regular_stop_time(stop, now):
        return None
    return stop.start_time


def regular_stop_time(stop: ScheduledAction, now: datetime) -> datetime | None:
    """Return the next time of a stop by its recurrence, ignoring windows."""
    return next_occurrence(replace(stop, start_time=None), after=now)


def stop_time_to_restore(group: AutoScalingGroup, now: datetime) -> datetime | None:
    """Return the regular time to which a group's stop is restored when its window is cancelled, or None.

    A stop that is moved to before its regular time stays, since this must never postpone a stop. A stop that does not
    recur is not the stack's.
    """
    if group.stop is None or group.stop.recurrence is None:
        return None
    held, at = held_until(group.stop, now), regular_stop_time(group.stop, now)
    return at if held is not None and at is not None and at < held else None


def is_stop_in_force(group: AutoScalingGroup, at: datetime, now: datetime) -> bool:
    """Return whether a group's next stop is at this time."""
    return next_occurrence(_recurring_stop(group), after=now) == at


def next_stop_time(group: AutoScalingGroup, now: datetime) -> datetime | None:
    """Return a group's next stop, or None if nothing stops it."""
    return None if group.stop is None else next_occurrence(group.stop, after=now)


def stop_request(group: AutoScalingGroup, at: datetime) -> dict[str, Any]:
    """Return the arguments of PutScheduledUpdateGroupAction that move a group's stop.

    Everything else stays as AWS describes it. Pulumi sees no change, because it sets no start time. AWS runs a
    recurring action at its start time and then by its recurrence:
    https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutScheduledUpdateGroupAction.html
    """
    described = group.stop_as_described or {}
    kept = ("ScheduledActionName", "Recurrence", "TimeZone", "EndTime", *_SIZE_KEYS)
    arguments = {key: described[key] for key in kept if described.get(key) is not None}
    return {"AutoScalingGroupName": group.full_name, "StartTime": at, **arguments}


def _recurring_stop(group: AutoScalingGroup) -> ScheduledAction:
    if group.stop is None or group.stop.recurrence is None or (group.stop_as_described or {}).get("DesiredCapacity"):
        raise UserError(
            f"The group {group.name} has no recurring scheduled action `stop` that stops all nodes.",
            repair="restore it: pulumi up --refresh",
        )
    return group.stop
