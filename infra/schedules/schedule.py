"""The schedule of a cluster: hours, weekdays, holidays and extra days, and the scheduled actions for them.

Pure arithmetic on dates. A period belongs to the day on which it begins, so overnight hours (20:00 to 04:00) of a
Friday end on Saturday. Times are local to a time zone and occur once on every day: the settings let no other pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from infra.schedules.weekdays import WORKING_DAYS, Weekday, cron_days

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SCHEDULED_ACTIONS = 125
"""Scheduled actions that one Auto Scaling group can have:
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scheduled-scaling.html"""

START_ACTION, START_AFTER_PREFIX, EXTRA_START_PREFIX, STOP_ACTION = "start", "start-after-", "extra-", "stop"
"""Names of scheduled actions, and what the names of those that are for a date begin with."""

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


class ScheduleError(ValueError):
    """A calendar that AWS cannot keep; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """Hours and days of a node group or the orchestrator.

    Attributes:
        time_zone: Name of the IANA time zone that the times are local to.
        start: When it is started on a day on which it opens, or None where no schedule ever starts it.
        stop: When it is stopped, every day; not after `start` means on the next day.
        days: The days of the week on which it starts.
        holidays: Dates on which it does not start.
        extra_days: Dates on which it starts although they are holidays or other days of the week.

    Raises:
        ScheduleError: It has no days of the week.
    """

    time_zone: str
    start: time | None
    stop: time
    days: frozenset[Weekday] = WORKING_DAYS
    holidays: frozenset[date] = frozenset()
    extra_days: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        """Refuse a calendar that would look for its next day for ever."""
        if not self.days:
            raise ScheduleError("a calendar needs a day of the week on which it starts")

    @property
    def is_overnight(self) -> bool:
        """Whether a period ends on the next day."""
        return self.start is not None and self.stop <= self.start

    def opens_on(self, day: date) -> bool:
        """Return whether a period begins on a day."""
        regular = self.is_regular(day) and day not in self.holidays
        return self.start is not None and (regular or day in self.extra_days)

    def is_regular(self, day: date) -> bool:
        """Return whether it starts on this day of the week, holidays apart."""
        return Weekday.of(day) in self.days

    def opening_time(self, day: date) -> datetime:
        """Return the instant at which a day's period begins, or would begin if it opened.

        Raises:
            ScheduleError: No schedule ever starts it.
        """
        if self.start is None:
            raise ScheduleError("a calendar without a start has no openings")
        return self._utc_instant(day, self.start)

    def closing_time(self, day: date) -> datetime:
        """Return the instant at which a day's period ends, or would end if it opened."""
        return self._utc_instant(day + _DAY if self.is_overnight else day, self.stop)

    def local_time(self, instant: datetime) -> datetime:
        """Return an instant in the calendar's time zone."""
        return instant.astimezone(ZoneInfo(self.time_zone))

    def _utc_instant(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, tzinfo=ZoneInfo(self.time_zone)).astimezone(UTC)


@dataclass(frozen=True, kw_only=True)
class ScheduledAction:
    """A scheduled action of an Auto Scaling group.

    Attributes:
        name: Its name, unique in the group.
        recurrence: Five fields of cron, in its time zone; None for an action that is done once.
        time_zone: Name of an IANA time zone; None beside no recurrence, where AWS allows none.
        start_time: When it is done first; None where the recurrence alone says it. A recurring action is done at
            this instant **and then** by its recurrence:
            https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutScheduledUpdateGroupAction.html
        end_time: When it is done no more; None for never.
        opens: Whether it starts the group's nodes; else it stops them.
    """

    name: str
    recurrence: str | None
    time_zone: str | None
    start_time: datetime | None = None
    end_time: datetime | None = None
    opens: bool


def is_calendar_open(calendar: Calendar, instant: datetime) -> bool:
    """Return whether a period is under way: its first instant belongs to it, its last one does not."""
    if calendar.start is None:
        return False
    local = calendar.local_time(instant)
    day, at = local.date(), local.time()
    if not calendar.is_overnight:
        return calendar.opens_on(day) and calendar.start <= at < calendar.stop
    return (calendar.opens_on(day) and at >= calendar.start) or (calendar.opens_on(day - _DAY) and at < calendar.stop)


def next_calendar_stop(calendar: Calendar, instant: datetime) -> datetime:
    """Return the first stop after an instant; there is one every day, whether a period has begun or not."""
    day = calendar.local_time(instant).date() - _DAY
    while calendar.closing_time(day) <= instant:
        day += _DAY
    return calendar.closing_time(day)


def calendar_actions(calendar: Calendar, *, now: datetime) -> tuple[ScheduledAction, ...]:
    """Return the scheduled actions of a calendar from now on, none in the past and no two at the same time.

    An action that recurs cannot leave out a day. So the start is cut into segments: each begins at the first opening
    after a holiday and ends before the opening that the next one takes away. What lies behind falls away: a holiday
    once its period would be over, an extra day or a segment once its last opening is.

    Raises:
        ScheduleError: They are more than a group can have.
    """
    stop = ScheduledAction(
        name=STOP_ACTION,
        recurrence=f"{calendar.stop.minute} {calendar.stop.hour} * * *",
        time_zone=calendar.time_zone,
        opens=False,
    )
    found = (*_regular_starts(calendar, now), *_extra_starts(calendar, now), stop)
    if len(found) > MAX_SCHEDULED_ACTIONS:
        raise ScheduleError(
            f"{len(found)} scheduled actions are more than the {MAX_SCHEDULED_ACTIONS} "
            "that an Auto Scaling group can have: "
            "there are too many holidays and extra days to come"
        )
    return found


def _regular_starts(calendar: Calendar, now: datetime) -> Iterator[ScheduledAction]:
    if calendar.start is None:
        return
    taken = sorted(day for day in calendar.holidays - calendar.extra_days if calendar.is_regular(day))
    recurrence = f"{calendar.start.minute} {calendar.start.hour} * * {cron_days(calendar.days)}"
    for before, after in zip([None, *taken], [*taken, None], strict=True):
        if after is not None and not _opens_between(calendar, before, after, now):
            continue
        in_force = before is None or calendar.closing_time(before) <= now
        yield ScheduledAction(
            name=START_ACTION if in_force or before is None else f"{START_AFTER_PREFIX}{before}",
            recurrence=recurrence,
            time_zone=calendar.time_zone,
            start_time=None
            if in_force or before is None
            else calendar.opening_time(_next_regular_day(calendar, before)),
            end_time=None if after is None else calendar.opening_time(after) - _MINUTE,
            opens=True,
        )


def _opens_between(calendar: Calendar, before: date | None, after: date, now: datetime) -> bool:
    """Return whether there is a regular opening to come between two holidays."""
    last = after - _DAY
    while not calendar.is_regular(last):
        last -= _DAY
    return (before is None or last > before) and calendar.opening_time(last) > now


def _next_regular_day(calendar: Calendar, day: date) -> date:
    day += _DAY
    while not calendar.is_regular(day):
        day += _DAY
    return day


def _extra_starts(calendar: Calendar, now: datetime) -> Iterator[ScheduledAction]:
    """Start once on each day to come that no regular start is for."""
    if calendar.start is None:
        return
    for day in sorted(calendar.extra_days):
        if not calendar.is_regular(day) and calendar.opening_time(day) > now:
            yield ScheduledAction(
                name=f"{EXTRA_START_PREFIX}{day}",
                recurrence=None,
                time_zone=None,
                start_time=calendar.opening_time(day),
                opens=True,
            )
