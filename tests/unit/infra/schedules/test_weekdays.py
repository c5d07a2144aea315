"""Days of the week are written as cron and EventBridge Scheduler read them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from infra.orchestrator.hours import action_expression
from infra.schedules.schedule import Calendar, calendar_actions
from infra.schedules.weekdays import WORKING_DAYS, Weekday, cron_days

SUNDAY_TO_THURSDAY = frozenset(Weekday) - {Weekday.FRIDAY, Weekday.SATURDAY}
CALENDAR = Calendar(time_zone="Asia/Dubai", start=time(8), stop=time(18, 30))


@pytest.mark.parametrize(
    "days, cron, scheduler",
    [
        (WORKING_DAYS, "1-5", "MON-FRI"),
        (SUNDAY_TO_THURSDAY, "0-4", "SUN-THU"),
        (frozenset({Weekday.SATURDAY, Weekday.SUNDAY}), "0,6", "SUN,SAT"),
        (frozenset({Weekday.MONDAY, Weekday.WEDNESDAY, Weekday.THURSDAY}), "1,3-4", "MON,WED-THU"),
        (frozenset(Weekday), "0-6", "SUN-SAT"),
    ],
)
def test_both_schedulers_get_the_days_of_the_calendar(days: frozenset[Weekday], cron: str, scheduler: str) -> None:
    calendar = replace(CALENDAR, days=days)
    start, stop = calendar_actions(calendar, now=datetime(2026, 12, 14, tzinfo=UTC))

    assert (start.recurrence, stop.recurrence) == (f"0 8 * * {cron}", "30 18 * * *")
    assert action_expression(calendar, start) == f"cron(0 8 ? * {scheduler} *)"
    assert action_expression(calendar, stop) == "cron(30 18 * * ? *)"


@given(st.frozensets(st.sampled_from(Weekday), min_size=1), st.dates(date(2026, 1, 1), date(2030, 1, 1)))
def test_cron_matches_the_days_and_no_others(days: frozenset[Weekday], day: date) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    matches = CronSim(f"0 8 * * {cron_days(days)}", midnight)

    assert (next(matches).date() == day) is (Weekday.of(day) in days)
