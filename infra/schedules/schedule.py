"""Calendars with hours, weekdays, holidays and extra days, and the scheduled actions for them.

A period belongs to the day on which it begins, so Friday's overnight hours (20:00 to 04:00) end on Saturday. Times are
local to a time zone and occur once every day, since the settings refuse other times.
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
"""Maximum number of scheduled actions of an Auto Scaling group:
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scheduled-scaling.html"""

START_ACTION, START_AFTER_PREFIX, EXTRA_START_PREFIX, STOP_ACTION = "start", "start-after-", "extra-", "stop"
"""Names of scheduled actions; those for a date have a prefix and the date."""

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


class ScheduleError(ValueError):
    """A calendar or an action that AWS cannot schedule; the message states the reason."""


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """Hours and days of a node group or the orchestrator.

    Attributes:
        time_zone: Name of the IANA time zone of all times.
        start: Time of the start on opening days, or None if the schedule never starts it.
        stop: Time of the stop, every day; if it is not after `start`, a period ends on the next day.
        days: Days of the week with a start.
        holidays: Dates without a start.
        extra_days: Additional dates with a start, even if they are holidays.

    Raises:
        ScheduleError: The calendar has no days of the week.
    """

    time_zone: str
    start: time | None
    stop: time
    days: frozenset[Weekday] = WORKING_DAYS
    holidays: frozenset[date] = frozenset()
    extra_days: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        """Refuse a calendar without days, whose next opening would be searched for forever."""
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
        """Return whether the day's weekday is one of the calendar's, regardless of holidays."""
        return Weekday.of(day) in self.days

    def opening_time(self, day: date) -> datetime:
        """Return the instant at which a day's period begins, or would begin if it opened.

        Raises:
            ScheduleError: The calendar has no start.
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
        name: Name of the action, unique in the group.
        recurrence: Cron expression with five fields, in `time_zone`; None for a one-time action.
        time_zone: Name of an IANA time zone; None for a one-time action, since AWS then allows none.
        start_time: First run, or None if only the recurrence determines it. A recurring action runs at this instant
            **and then** by its recurrence:
            https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutScheduledUpdateGroupAction.html
        end_time: Time after which the action no longer runs, or None.
        opens: True if the action starts the group's nodes, False if it stops them.
    """

    name: str
    recurrence: str | None
    time_zone: str | None
    start_time: datetime | None = None
    end_time: datetime | None = None
    opens: bool


def is_calendar_open(calendar: Calendar, instant: datetime) -> bool:
    """Return whether an instant is within a period; a period includes its start and excludes its stop."""
    if calendar.start is None:
        return False
    local = calendar.local_time(instant)
    day, at = local.date(), local.time()
    if not calendar.is_overnight:
        return calendar.start <= at < calendar.stop and calendar.opens_on(day)
    return (at >= calendar.start and calendar.opens_on(day)) or (at < calendar.stop and calendar.opens_on(day - _DAY))


def next_calendar_stop(calendar: Calendar, instant: datetime) -> datetime:
    """Return the first stop after an instant; every day has one, even without a start."""
    day = calendar.local_time(instant).date() - _DAY
    while calendar.closing_time(day) <= instant:
        day += _DAY
    return calendar.closing_time(day)


def calendar_actions(calendar: Calendar, *, now: datetime) -> tuple[ScheduledAction, ...]:
    """Return the scheduled actions of a calendar from `now` on; no two run at the same time.

    A recurring action cannot skip a day. So the start is split into segments: each begins at the first opening after a
    holiday and ends before the opening that the next holiday cancels. Past dates need no action: a holiday is dropped
    once its period would be over, and an extra day or a segment once its last opening is past.

    Raises:
        ScheduleError: A group cannot have so many actions.
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
            "there are too many future holidays and extra days"
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
    """Return whether a regular opening between two holidays is still to come."""
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
    """Return one-time starts for future extra days that the regular start does not cover."""
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
