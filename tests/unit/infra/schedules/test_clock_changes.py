"""Times of the day that a clock change skips or repeats are found, in every time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.schedules.clock_changes import CHECKED_YEARS, clock_changes, first_unfit_day, nearest_fit_time, zone_names

if TYPE_CHECKING:
    from collections.abc import Sequence

SINCE = date(2026, 11, 21)
ZONES = st.sampled_from(sorted(zone_names()))
TIMES = st.times().map(lambda at: at.replace(second=0, microsecond=0, fold=0))
QUARTERS = [time(hour, minute) for hour in range(24) for minute in range(0, 60, 15)]


DAYS = [SINCE + timedelta(days=number) for number in range(366 * CHECKED_YEARS)]


def bad_days(zone: str, at: time, *, days: Sequence[date] = DAYS) -> list[date]:
    """Look at every day by itself: only a time that occurs once has one offset whichever occurrence is asked for."""
    rules = ZoneInfo(zone)
    moments = [datetime.combine(day, at, tzinfo=rules) for day in days]
    return [moment.date() for moment in moments if moment.utcoffset() != moment.replace(fold=1).utcoffset()]


def days_of_changes(zone: str) -> list[date]:
    """Look at every sixth hour, and give the days about those after which the offset is another one."""
    rules, step = ZoneInfo(zone), timedelta(hours=6)
    first = datetime.combine(SINCE, time(), tzinfo=UTC)
    moments = [(first + number * step).astimezone(rules) for number in range(4 * len(DAYS))]
    changed = [later.date() for before, later in pairwise(moments) if before.utcoffset() != later.utcoffset()]
    return [
        day + timedelta(days=number) for day in changed for number in (-1, 0, 1) if day + timedelta(number) >= SINCE
    ]


@given(zone=ZONES, at=TIMES | st.sampled_from(QUARTERS))
def test_a_time_is_unfit_where_some_day_has_it_not_once(zone: str, at: time) -> None:
    found = first_unfit_day(zone, at, since=SINCE)
    assert (found and found[0]) == next(iter(bad_days(zone, at)), None)


@pytest.mark.parametrize(
    "zone",
    [
        "Africa/Cairo",  # on a Friday at midnight, back on a Thursday
        "Africa/Casablanca",  # around Ramadan, by the moon
        "America/Santiago",  # at midnight
        "America/St_Johns",  # offsets of half hours
        "Antarctica/Troll",  # by two hours
        "Asia/Beirut",  # at midnight
        "Atlantic/Azores",
        "Australia/Lord_Howe",  # by half an hour
        "Europe/Dublin",  # winter time is the one that is set back
        "Pacific/Apia",  # left out a whole day in 2011, and changes its clocks no more
    ],
)
def test_every_quarter_of_an_hour_is_judged_right_in_unusual_zones(zone: str) -> None:
    days = days_of_changes(zone)
    refused = {at for at in QUARTERS if first_unfit_day(zone, at, since=SINCE)}
    assert refused == {at for at in QUARTERS if bad_days(zone, at, days=days)}
    assert bool(refused) is (zone != "Pacific/Apia")


@given(zone=ZONES, at=TIMES)
def test_a_time_that_is_proposed_is_fit_and_near(zone: str, at: time) -> None:
    fit = nearest_fit_time(zone, at, since=SINCE)
    assert first_unfit_day(zone, fit, since=SINCE) is None
    distance = abs((fit.hour * 60 + fit.minute) - (at.hour * 60 + at.minute))
    assert distance <= 4 * 60


def test_the_day_and_the_kind_of_a_change_are_told() -> None:
    skipped = first_unfit_day("America/Los_Angeles", time(2, 30), since=SINCE)
    assert skipped is not None
    assert skipped[0] == date(2027, 3, 14)
    assert skipped[1].skips_times
    repeated = first_unfit_day("America/Los_Angeles", time(1, 30), since=SINCE)
    assert repeated is not None
    assert repeated[0] == date(2027, 11, 7)
    assert not repeated[1].skips_times


def test_a_change_at_midnight_belongs_to_the_day_whose_times_it_takes() -> None:
    first, second, *_ = clock_changes("Asia/Beirut", since=SINCE)
    assert first.begins == datetime(2027, 3, 28, 0, 0)  # noqa: DTZ001 — a local time without a zone
    assert second.begins == datetime(2027, 10, 30, 23, 0)  # noqa: DTZ001 — likewise


def test_zones_have_the_names_that_aws_takes() -> None:
    assert {"America/Los_Angeles", "Europe/Amsterdam", "Etc/UTC"} <= zone_names()
    assert not {"US/Pacific", "PST8PDT", "EST", "localtime"} & zone_names()
