"""Occurrences of scheduled actions, and the hours of a group's nodes that follow from its actions.

For who has no settings at hand, only what AWS describes: `ScheduledAction` as DescribeScheduledActions gives it. There
the start time of a recurring action is the time at which it is done next, whether it was given so or not.
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
"""Longer than any period and the time between two stops, which is a day."""

_LOOK_AHEAD = timedelta(days=366)


def parse_scheduled_action(answer: Mapping[str, Any], *, opens: bool) -> ScheduledAction:
    """Read one of the `ScheduledUpdateGroupActions` that DescribeScheduledActions gives.

    Args:
        answer: It as boto3 gives it.
        opens: Whether its sizes start nodes.
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
    """Return the instants at which an action is done, later than `after` and no later than `before`, in order."""
    if action.end_time is not None:
        before = min(before, action.end_time)
    if action.start_time is not None:
        if after < action.start_time <= before:
            yield action.start_time
        after = max(after, action.start_time)
    if action.recurrence is not None:
        yield from _cron_matches(action.recurrence, action.time_zone, after=after, before=before)


def next_occurrence(action: ScheduledAction, *, after: datetime) -> datetime | None:
    """Return the first instant later than `after` at which an action is done, or None where it is done no more."""
    last = max(after, action.start_time or after) + _LOOK_AHEAD
    return next(action_occurrences(action, after=after, before=last), None)


def is_scheduled_open(actions: Sequence[ScheduledAction], instant: datetime) -> bool:
    """Return whether nodes are to run by a group's actions: whether the last one that is done until then starts them.

    A start that is done no more leaves no trace once it is done: until the stop of its period, the day of an extra
    start reads as closed, and so may the day before a holiday.
    """
    done = [
        (done_at, action.opens)
        for action in actions
        for done_at in action_occurrences(_with_past_occurrences(action), after=instant - _LOOK_BACK, before=instant)
    ]
    return max(done, default=(instant, False))[1]


def next_scheduled_start(actions: Sequence[ScheduledAction], instant: datetime) -> datetime | None:
    """Return the next time after an instant at which nodes are started, or None where they are not."""
    return _earliest_occurrence(actions, instant, opens=True)


def next_scheduled_stop(actions: Sequence[ScheduledAction], instant: datetime) -> datetime | None:
    """Return the next time after an instant at which nodes are stopped, or None where they are not."""
    return _earliest_occurrence(actions, instant, opens=False)


def window_end(
    actions: Sequence[ScheduledAction], now: datetime, duration: timedelta, *, running: bool = False
) -> datetime:
    """Return the time to which the stop is moved for who wants nodes from now on for a while.

    That is the end of the window, or where it ends within a period, that period's regular stop: the stop's own
    recurrence, since its start time may have been moved by an earlier window.

    Args:
        actions: The group's actions.
        now: When the window begins.
        duration: How long it is.
        running: Whether the group has nodes already. The stop that is before them is then not brought forward: it
            may be that of an extra day, or the end of somebody else's window.
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
    """Return an action with the times at which it has been done already, or would have been.

    What AWS describes begins at the next time. Only a segment that follows a holiday has a first time: its name
    tells the holiday.
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
