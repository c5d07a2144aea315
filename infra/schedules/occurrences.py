"""Occurrences of scheduled actions, and the hours of a group that follow from its actions.

Works from the actions that DescribeScheduledActions returns, without the stack's settings. The start time of a
recurring action is its next occurrence there, whether a start time was set or not.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from cronsim import CronSim

from infra.schedules.schedule import START_AFTER_PREFIX, ScheduledAction

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_LOOK_BACK = timedelta(days=2)
"""Longer than any period, and longer than the day between two stops."""

_LOOK_AHEAD = timedelta(days=366)


def parse_scheduled_action(answer: Mapping[str, Any], *, opens: bool) -> ScheduledAction:
    """Return the action for an item of `ScheduledUpdateGroupActions` in DescribeScheduledActions' response.

    Args:
        answer: The item, as returned by boto3.
        opens: Whether the action starts nodes.
    """
    return ScheduledAction(
        name=answer["ScheduledActionName"],
        recurrence=answer.get("Recurrence"),
        time_zone=answer.get("TimeZone"),
        start_time=answer.get("StartTime"),
        end_time=answer.get("EndTime"),
        opens=opens,
    )


def action_occurrences(action: ScheduledAction, *, after: datetime, before: datetime) -> Iterator[datetime]:
    """Return the instants at which an action runs, later than `after` and no later than `before`, in order."""
    if action.end_time is not None:
        before = min(before, action.end_time)
    if action.start_time is not None:
        if after < action.start_time <= before:
            yield action.start_time
        after = max(after, action.start_time)
    if action.recurrence is not None:
        yield from _cron_matches(action.recurrence, action.time_zone, after=after, before=before)


def next_occurrence(action: ScheduledAction, *, after: datetime) -> datetime | None:
    """Return the first instant later than `after` at which an action runs, or None if it never runs again."""
    last = max(after, action.start_time or after) + _LOOK_AHEAD
    return next(action_occurrences(action, after=after, before=last), None)


def is_scheduled_open(actions: Sequence[ScheduledAction], instant: datetime) -> bool:
    """Return whether nodes should run according to a group's actions: whether the latest one by then is a start.

    AWS removes an action after its last occurrence. So on the day of an extra start, the group reads as closed from
    the start until its stop; the same may happen on the day before a holiday.
    """
    done = [
        (done_at, action.opens)
        for action in actions
        for done_at in action_occurrences(_with_past_occurrences(action), after=instant - _LOOK_BACK, before=instant)
    ]
    return max(done, default=(instant, False))[1]


def next_scheduled_start(actions: Sequence[ScheduledAction], instant: datetime) -> datetime | None:
    """Return the next scheduled start after an instant, or None."""
    return _earliest_occurrence(actions, instant, opens=True)


def next_scheduled_stop(actions: Sequence[ScheduledAction], instant: datetime) -> datetime | None:
    """Return the next scheduled stop after an instant, or None."""
    return _earliest_occurrence(actions, instant, opens=False)


def window_end(
    actions: Sequence[ScheduledAction], now: datetime, duration: timedelta, *, running: bool = False
) -> datetime:
    """Return the new time of the stop for an operator who needs nodes from now on for a limited time.

    This is the end of the window, or, if the window ends within a scheduled period, the regular stop of that period.
    The regular stop follows from the stop's recurrence, since an earlier window may have moved its start time.

    Args:
        actions: The group's actions.
        now: Start of the window.
        duration: Length of the window.
        running: Whether the group already has nodes. The result is then no earlier than the next scheduled stop, which
            may belong to an extra day or another operator's window.
    """
    end = now + duration
    if is_scheduled_open(actions, end):
        regular = [_with_past_occurrences(action) for action in actions if not action.opens]
        end = _earliest_occurrence(regular, end, opens=False) or end
    return max(end, next_scheduled_stop(actions, now) or end) if running else end


def _earliest_occurrence(actions: Sequence[ScheduledAction], instant: datetime, *, opens: bool) -> datetime | None:
    times = (next_occurrence(action, after=instant) for action in actions if action.opens == opens)
    return min((found for found in times if found is not None), default=None)


def _with_past_occurrences(action: ScheduledAction) -> ScheduledAction:
    """Return an action that includes its past occurrences.

    The start time that AWS returns is the next occurrence. Only a segment after a holiday has a real start time, which
    is derived from the holiday in its name.
    """
    if action.recurrence is None:
        return action
    start_time = None
    if action.name.startswith(START_AFTER_PREFIX):
        holiday = date.fromisoformat(action.name.removeprefix(START_AFTER_PREFIX))
        midnight = datetime(holiday.year, holiday.month, holiday.day, tzinfo=ZoneInfo(action.time_zone or "UTC"))
        after = (midnight + timedelta(days=1)).astimezone(UTC)
        start_time = next(
            _cron_matches(action.recurrence, action.time_zone, after=after, before=after + _LOOK_AHEAD), None
        )
    return ScheduledAction(
        name=action.name,
        recurrence=action.recurrence,
        time_zone=action.time_zone,
        start_time=start_time,
        end_time=action.end_time,
        opens=action.opens,
    )


def _cron_matches(recurrence: str, time_zone: str | None, *, after: datetime, before: datetime) -> Iterator[datetime]:
    """Return the instants that a cron expression matches, later than `after` and no later than `before`, in order."""
    for local in CronSim(recurrence, after.astimezone(ZoneInfo(time_zone or "UTC"))):
        instant = local.astimezone(UTC)
        if instant > before:
            return
        if instant > after:
            yield instant
