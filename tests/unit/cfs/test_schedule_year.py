"""A simulated year finds no difference between the calendar and the actions, and finds planted faults."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from cli.app import app
from measure import schedule_year

if TYPE_CHECKING:
    from datetime import datetime

    from infra.schedules.schedule import Calendar, ScheduledAction

CASES = schedule_year.year_cases(2027)


@cache
def outcomes() -> list[schedule_year.YearOutcome]:
    return schedule_year.simulate_years(CASES)


def test_the_command_shows_each_zone_and_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated = outcomes()
    monkeypatch.setattr(schedule_year, "simulate_years", lambda cases: simulated if cases == CASES else [])

    done = CliRunner().invoke(app, ["schedule", "year"])

    assert done.exit_code == 0
    for zone in ("America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe"):
        rows = [line.split() for line in done.output.splitlines() if zone in line]
        assert [row[-2] for row in rows] == ["0", "0"]


def test_the_actions_keep_the_calendar_through_holidays_extra_days_and_clock_changes() -> None:
    assert [len(outcome.differences) for outcome in outcomes()] == [0] * 6
    for outcome in outcomes():
        assert outcome.compared == 365 * 24 * 4
        calendar = outcome.case.calendar
        assert any(day.weekday() < 5 for day in calendar.holidays)
        assert (
            calendar.local_time(outcome.case.begins).utcoffset()
            != calendar.local_time(outcome.case.begins + timedelta(days=182)).utcoffset()
        )
        assert {day.weekday() for day in calendar.extra_days} >= {5, 6}
    once, often = outcomes()[:2]
    assert (once.deployments, often.deployments) == (1, 1752)
    assert once.carried_out == often.carried_out > 600


def without_segment(calendar: Calendar, now: datetime) -> tuple[ScheduledAction, ...]:
    """Leave out the segment after one holiday."""
    actions = schedule_year.expand_calendar(calendar, now)
    return tuple(action for action in actions if action.name != "start-after-2027-12-24")


def without_end(calendar: Calendar, now: datetime) -> tuple[ScheduledAction, ...]:
    """Make segments continue past their end, through the holiday."""
    return tuple(replace(action, end_time=None) for action in schedule_year.expand_calendar(calendar, now))


def without_extra_days(calendar: Calendar, now: datetime) -> tuple[ScheduledAction, ...]:
    actions = schedule_year.expand_calendar(calendar, now)
    return tuple(action for action in actions if not action.name.startswith("extra-"))


def in_utc(calendar: Calendar, now: datetime) -> tuple[ScheduledAction, ...]:
    """Forget the time zone."""
    return tuple(replace(action, time_zone=None) for action in schedule_year.expand_calendar(calendar, now))


def with_stops_on_weekdays(calendar: Calendar, now: datetime) -> tuple[ScheduledAction, ...]:
    return tuple(
        action if action.opens else replace(action, recurrence=f"{action.recurrence[:-1]}1-5")
        for action in schedule_year.expand_calendar(calendar, now)
        if action.recurrence
    )


@pytest.mark.parametrize(
    "fault",
    [without_end, without_extra_days, in_utc, with_stops_on_weekdays],
    ids=lambda of: of.__name__,
)
def test_a_planted_fault_is_found(fault: schedule_year.Expansion, monkeypatch: pytest.MonkeyPatch) -> None:
    berlin = CASES[2]
    monkeypatch.setattr(schedule_year, "HOURS_PER_YEAR", 100 * 24)  # includes a clock change
    [outcome] = schedule_year.simulate_years([berlin], expand=fault)

    assert outcome.differences
    assert schedule_year.years_report([outcome]).notes


@cache
def outcome_without_segment() -> schedule_year.YearOutcome:
    [outcome] = schedule_year.simulate_years(CASES[:1], expand=without_segment)
    return outcome


def test_a_missing_segment_is_found_on_the_days_that_it_covers() -> None:
    outcome = outcome_without_segment()

    days = {CASES[0].calendar.local_time(at).date() for at in outcome.differences}
    assert days == {date(2027, 12, 27) + timedelta(days=number) for number in range(5)}
    assert (
        schedule_year.years_report([outcome])
        .notes[0]
        .startswith("America/Los_Angeles: 2027-12-27 08:00 PST nodes do not run")
    )


def test_the_command_fails_if_there_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule_year, "simulate_years", lambda _: [outcome_without_segment()])

    assert CliRunner().invoke(app, ["schedule", "year", "--json"]).exit_code == 1
