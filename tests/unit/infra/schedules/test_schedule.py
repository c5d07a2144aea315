"""Calendars: when nodes run, and the scheduled actions that make it so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from infra.schedules import occurrences, schedule
from infra.schedules.clock_changes import first_unfit_day, zone_names
from infra.schedules.schedule import MAX_SCHEDULED_ACTIONS, Calendar, ScheduleError, calendar_actions
from infra.schedules.weekdays import Weekday

LOS_ANGELES = "America/Los_Angeles"
SINCE = date(2026, 11, 21)
DAYS = st.dates(date(2026, 12, 1), date(2028, 12, 31))


def at(text: str, zone: str = LOS_ANGELES) -> datetime:
    """Read a local time as an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


OFFICE = Calendar(time_zone=LOS_ANGELES, start=time(8), stop=time(18))
NIGHT = replace(OFFICE, start=time(20), stop=time(4))
NEVER = replace(OFFICE, start=None)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """Make any calendar that the settings accept."""
    zone = draw(st.sampled_from(sorted(zone_names())))
    times = st.times().map(lambda drawn: drawn.replace(second=0, microsecond=0, fold=0))
    start, stop = draw(times), draw(times)
    assume(start != stop)
    assume(not first_unfit_day(zone, start, since=SINCE))
    assume(not first_unfit_day(zone, stop, since=SINCE))
    return Calendar(
        time_zone=zone,
        start=start,
        stop=stop,
        days=draw(st.frozensets(st.sampled_from(Weekday), min_size=1)),
        holidays=draw(st.frozensets(DAYS, max_size=8)),
        extra_days=draw(st.frozensets(DAYS, max_size=4)),
    )


def next_opening(calendar: Calendar, instant: datetime) -> datetime:
    """Return the first opening after an instant, by looking at one day after the other."""
    day = calendar.local_time(instant).date()
    while not calendar.opens_on(day) or calendar.opening_time(day) <= instant:
        day += timedelta(days=1)
    return calendar.opening_time(day)


@given(calendar=calendars(), day=DAYS)
def test_each_day_has_one_start_and_one_stop(calendar: Calendar, day: date) -> None:
    openings = [calendar.opening_time(day + timedelta(days=number)) for number in range(3)]
    assert [calendar.local_time(opening).date() - day for opening in openings] == [timedelta(days=n) for n in range(3)]
    assert all(calendar.local_time(opening).time() == calendar.start for opening in openings)
    stops = [schedule.next_calendar_stop(calendar, openings[0])]
    stops.append(schedule.next_calendar_stop(calendar, stops[0]))
    assert calendar.local_time(stops[1]).date() - calendar.local_time(stops[0]).date() == timedelta(days=1)


@given(calendar=calendars(), instant=st.datetimes(datetime(2026, 12, 1), datetime(2028, 12, 31)))  # noqa: DTZ001
def test_a_period_begins_at_its_start_and_ends_at_its_stop(calendar: Calendar, instant: datetime) -> None:
    start = next_opening(calendar, instant.replace(tzinfo=UTC))
    stop = schedule.next_calendar_stop(calendar, start)
    second = timedelta(seconds=1)
    moments = [start - second, start, stop - second, stop]
    assert [schedule.is_calendar_open(calendar, moment) for moment in moments] == [False, True, True, False]


@pytest.mark.parametrize(
    "calendar, instant, is_open",
    [
        (OFFICE, "2026-12-01 07:59", False),
        (OFFICE, "2026-12-01 08:00", True),
        (OFFICE, "2026-12-01 17:59", True),
        (OFFICE, "2026-12-01 18:00", False),
        (OFFICE, "2026-12-05 12:00", False),
        (NIGHT, "2026-12-04 20:00", True),
        (NIGHT, "2026-12-05 03:59", True),  # a Saturday: the period is Friday's
        (NIGHT, "2026-12-05 20:00", False),
        (NIGHT, "2026-12-07 03:59", False),  # a Monday: Sunday had none
        (NEVER, "2026-12-01 12:00", False),
        (replace(OFFICE, holidays=frozenset({date(2026, 12, 1)})), "2026-12-01 12:00", False),
        (replace(NIGHT, holidays=frozenset({date(2026, 12, 1)})), "2026-12-02 02:00", False),
        (replace(NIGHT, holidays=frozenset({date(2026, 12, 2)})), "2026-12-02 02:00", True),
        (replace(OFFICE, extra_days=frozenset({date(2026, 12, 5)})), "2026-12-05 12:00", True),
        (
            replace(OFFICE, holidays=frozenset({date(2026, 12, 1)}), extra_days=frozenset({date(2026, 12, 1)})),
            "2026-12-01 12:00",
            True,
        ),
    ],
)
def test_a_period_belongs_to_the_day_on_which_it_begins(calendar: Calendar, instant: str, *, is_open: bool) -> None:
    assert schedule.is_calendar_open(calendar, at(instant)) is is_open


@pytest.mark.parametrize(
    "now, hours, end",
    [
        ("2026-12-05 10:00", 3, "2026-12-05 13:00"),
        ("2026-12-01 10:00", 3, "2026-12-01 18:00"),
        ("2026-12-01 17:00", 3, "2026-12-01 20:00"),
        ("2026-12-01 20:00", 12, "2026-12-02 18:00"),  # it ends as the next period begins, and that one is whole
        ("2026-12-01 20:00", 11, "2026-12-02 07:00"),
        ("2026-12-01 17:00", 17, "2026-12-02 18:00"),
    ],
)
def test_a_window_ends_at_its_end_or_with_the_period_in_which_that_lies(now: str, hours: int, end: str) -> None:
    described = calendar_actions(OFFICE, now=at(now))
    assert occurrences.window_end(described, at(now), timedelta(hours=hours)) == at(end)


def test_a_window_does_not_bring_the_stop_of_running_nodes_forward() -> None:
    extra = replace(OFFICE, extra_days=frozenset({date(2026, 12, 5)}))
    now = at("2026-12-05 10:00")  # the extra start has been done and has left no trace
    described = calendar_actions(extra, now=now)
    assert occurrences.window_end(described, now, timedelta(hours=1)) == at("2026-12-05 11:00")
    assert occurrences.window_end(described, now, timedelta(hours=1), running=True) == at("2026-12-05 18:00")
    assert occurrences.window_end(described, now, timedelta(hours=9), running=True) == at("2026-12-05 19:00")


def test_a_window_counts_on_the_regular_stop_and_not_on_one_that_was_moved() -> None:
    now = at("2026-12-01 19:00")
    start, stop = calendar_actions(OFFICE, now=now)
    moved = (start, replace(stop, start_time=at("2026-12-01 21:00")))
    assert occurrences.window_end(moved, now, timedelta(hours=14)) == at("2026-12-02 18:00")
    assert occurrences.window_end(moved, now, timedelta(hours=1), running=True) == at("2026-12-01 21:00")


def test_what_aws_describes_reads_as_an_action() -> None:
    answer = {
        "AutoScalingGroupName": "claudefs-prod-storage-a",
        "ScheduledActionName": "start",
        "Recurrence": "0 8 * * 1-5",
        "TimeZone": LOS_ANGELES,
        "StartTime": at("2026-12-02 08:00"),
        "DesiredCapacity": 2,
    }
    read = occurrences.parse_scheduled_action(answer, opens=True)
    assert read == replace(calendar_actions(OFFICE, now=at("2026-12-01 12:00"))[0], start_time=at("2026-12-02 08:00"))


def test_who_is_never_started_is_still_stopped_every_day() -> None:
    found = calendar_actions(NEVER, now=at("2026-12-01 12:00"))
    assert [action.name for action in found] == ["stop"]
    assert occurrences.next_scheduled_start(found, at("2026-12-01 12:00")) is None
    assert schedule.next_calendar_stop(NEVER, at("2026-12-05 12:00")) == at("2026-12-05 18:00")


def test_without_holidays_there_is_one_start_and_one_stop() -> None:
    start, stop = calendar_actions(OFFICE, now=at("2026-12-01 12:00"))
    assert (start.name, start.recurrence, start.time_zone) == ("start", "0 8 * * 1-5", LOS_ANGELES)
    assert (stop.name, stop.recurrence, stop.time_zone) == ("stop", "0 18 * * *", LOS_ANGELES)
    assert [start.start_time, start.end_time, stop.start_time, stop.end_time] == [None] * 4
    assert (start.opens, stop.opens) == (True, False)


CHRISTMAS = replace(
    OFFICE,
    holidays=frozenset({date(2026, 12, 24), date(2026, 12, 25), date(2027, 1, 1), date(2026, 12, 26)}),
    extra_days=frozenset({date(2026, 12, 19)}),
)


def test_holidays_cut_the_start_into_segments_that_begin_with_an_opening() -> None:
    found = {action.name: action for action in calendar_actions(CHRISTMAS, now=at("2026-12-14 12:00"))}
    assert list(found) == ["start", "start-after-2026-12-25", "start-after-2027-01-01", "extra-2026-12-19", "stop"]
    assert found["start"].end_time == at("2026-12-24 07:59")
    assert found["start-after-2026-12-25"].start_time == at("2026-12-28 08:00")
    assert found["start-after-2026-12-25"].end_time == at("2027-01-01 07:59")
    assert found["start-after-2027-01-01"].start_time == at("2027-01-04 08:00")
    assert found["extra-2026-12-19"].start_time == at("2026-12-19 08:00")
    assert (found["extra-2026-12-19"].recurrence, found["extra-2026-12-19"].time_zone) == (None, None)


@pytest.mark.parametrize(
    "now, names",
    [
        ("2026-12-19 07:59", ["start", "start-after-2026-12-25", "start-after-2027-01-01", "extra-2026-12-19"]),
        ("2026-12-19 08:00", ["start", "start-after-2026-12-25", "start-after-2027-01-01"]),
        ("2026-12-23 07:59", ["start", "start-after-2026-12-25", "start-after-2027-01-01"]),
        ("2026-12-23 08:00", ["start-after-2026-12-25", "start-after-2027-01-01"]),
        ("2026-12-25 17:59", ["start-after-2026-12-25", "start-after-2027-01-01"]),
        ("2026-12-25 18:00", ["start", "start-after-2027-01-01"]),
        ("2026-12-31 08:00", ["start-after-2027-01-01"]),
        ("2027-01-01 18:00", ["start"]),
    ],
)
def test_what_lies_behind_falls_away(now: str, names: list[str]) -> None:
    assert [action.name for action in calendar_actions(CHRISTMAS, now=at(now))] == [*names, "stop"]


def test_a_holiday_that_is_an_extra_day_is_a_day_like_any_other() -> None:
    calendar = replace(OFFICE, holidays=frozenset({date(2026, 12, 24)}), extra_days=frozenset({date(2026, 12, 24)}))
    assert [action.name for action in calendar_actions(calendar, now=at("2026-12-14 12:00"))] == ["start", "stop"]


@given(calendar=calendars(), now=st.datetimes(datetime(2026, 11, 21), datetime(2028, 6, 30)))  # noqa: DTZ001
def test_no_action_is_in_the_past_and_no_two_are_at_one_time(calendar: Calendar, now: datetime) -> None:
    instant = now.replace(tzinfo=UTC)
    found = calendar_actions(calendar, now=instant)
    firsts = [occurrences.next_occurrence(action, after=instant) for action in found]
    assert len({action.name for action in found}) == len(found)
    assert None not in firsts
    assert len(set(firsts)) == len(firsts)
    assert all(action.start_time is None or action.start_time > instant for action in found)


def last_openings(calendar: Calendar) -> set[date]:
    """Return the days on which an action is done for the last time: extra days, and the week before holidays."""
    before = {holiday - timedelta(days=days) for holiday in calendar.holidays for days in range(1, 8)}
    return set(calendar.extra_days) | before


@given(
    calendar=calendars(),
    now=st.datetimes(datetime(2026, 11, 21), datetime(2028, 6, 30)),  # noqa: DTZ001
    hours=st.integers(0, 24 * 90),
)
def test_the_actions_say_the_same_as_the_calendar(calendar: Calendar, now: datetime, hours: int) -> None:
    instant = now.replace(tzinfo=UTC)
    found = calendar_actions(calendar, now=instant)
    later = instant + timedelta(hours=hours)
    # A start that is done no more leaves no trace, though its period goes on.
    assume(
        not any(calendar.opening_time(day) <= instant < calendar.closing_time(day) for day in last_openings(calendar))
    )
    assert occurrences.is_scheduled_open(found, later) is schedule.is_calendar_open(calendar, later)
    assert occurrences.next_scheduled_start(found, later) == next_opening(calendar, later)
    assert occurrences.next_scheduled_stop(found, later) == schedule.next_calendar_stop(calendar, later)


def test_more_actions_than_a_group_can_have_are_refused() -> None:
    fridays = [date(2027, 1, 1) + timedelta(weeks=number) for number in range(MAX_SCHEDULED_ACTIONS)]
    most = replace(OFFICE, holidays=frozenset(fridays[: MAX_SCHEDULED_ACTIONS - 2]))
    assert len(calendar_actions(most, now=at("2026-12-01 12:00"))) == MAX_SCHEDULED_ACTIONS
    with pytest.raises(ScheduleError, match="126 scheduled actions"):
        calendar_actions(replace(OFFICE, holidays=frozenset(fridays[:-1])), now=at("2026-12-01 12:00"))


def test_a_calendar_without_days_is_refused() -> None:
    with pytest.raises(ScheduleError, match="needs a day of the week"):
        replace(OFFICE, days=frozenset())


def test_a_calendar_without_a_start_has_no_opening() -> None:
    with pytest.raises(ScheduleError, match="no openings"):
        NEVER.opening_time(SINCE)
