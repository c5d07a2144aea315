"""Simulates a year, to check in every quarter of an hour that the scheduled actions match the calendar.

Each check compares two independent results. The calendar compares local times. The scheduled actions derived from it
run in the emulated account's scheduler, which uses a cron library. They are deployed once for the whole year, and in
another simulation repeatedly at all hours of the day, as people run `pulumi up`: a deployment must neither start nor
stop anything. The year includes clock changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from infra.schedules import schedule
from infra.schedules.clock_changes import clock_changes
from infra.schedules.schedule import Calendar
from local.aws.timetable import GroupSizes, Timetable
from terminal.results import CommandResult, ResultTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from infra.schedules.schedule import ScheduledAction

    Expansion = Callable[[Calendar, datetime], tuple[ScheduledAction, ...]]

QUARTER_HOUR = timedelta(minutes=15)
HOURS_PER_YEAR = 365 * 24
SHOWN_DIFFERENCES = 5


@dataclass(frozen=True, kw_only=True)
class YearCase:
    """A year to simulate.

    Attributes:
        calendar: The calendar.
        begins: Beginning of the year, at a stop, so that no nodes are running.
        deployed_every: Interval between deployments; None for a single deployment.
    """

    calendar: Calendar
    begins: datetime
    deployed_every: timedelta | None


@dataclass(frozen=True, kw_only=True)
class YearOutcome:
    """The result of a simulated year.

    Attributes:
        case: The simulated year.
        compared: Number of quarters of an hour in which the calendar was compared with the actions' effect.
        carried_out: Number of actions that ran.
        deployments: Number of deployments.
        differences: Times at which nodes were running but should not be, or vice versa.
    """

    case: YearCase
    compared: int
    carried_out: int
    deployments: int
    differences: Sequence[datetime]


def year_cases(year: int) -> list[YearCase]:
    """Return the years to simulate: daytime hours, overnight hours, and a zone with clock changes of 30 minutes."""
    hours = (
        ("America/Los_Angeles", time(8), time(18)),
        ("Europe/Berlin", time(20), time(4)),
        ("Australia/Lord_Howe", time(6, 45), time(1, 15)),
    )
    calendars = [_clock_change_calendar(zone, start, stop, year) for zone, start, stop in hours]
    return [
        YearCase(calendar=calendar, begins=_first_stop(calendar, year), deployed_every=every)
        for calendar in calendars
        # Every five hours, so that deployments fall on all hours of the day.
        for every in (None, timedelta(hours=5))
    ]


def _clock_change_calendar(zone: str, start: time, stop: time, year: int) -> Calendar:
    """Return a calendar that opens around clock changes and is closed on the next day, with the usual holidays."""
    changed = {change.begins.date() for change in clock_changes(zone, since=date(year, 1, 1), years=1)}
    return Calendar(
        time_zone=zone,
        start=start,
        stop=stop,
        holidays=frozenset(
            {date(year, 1, 1), date(year, 12, 24), date(year, 12, 25), date(year, 12, 31)}
            | {day + timedelta(days=1) for day in changed}
        ),
        extra_days=frozenset(
            {date(year, 12, 31)} | changed | {day - timedelta(days=1) for day in changed if day.month > 1}
        ),
    )


def _first_stop(calendar: Calendar, year: int) -> datetime:
    return schedule.next_calendar_stop(calendar, datetime(year, 1, 1, tzinfo=UTC))


def expand_calendar(calendar: Calendar, now: datetime) -> tuple[ScheduledAction, ...]:
    """Return the actions that a deployment at a given time declares."""
    return schedule.calendar_actions(calendar, now=now)


def simulate_years(years: Sequence[YearCase], *, expand: Expansion = expand_calendar) -> list[YearOutcome]:
    """Simulate years.

    Args:
        years: The years to simulate.
        expand: Derives actions from a calendar; a faulty function shows whether the simulation detects the fault.
    """
    return [_simulate_year(case, expand) for case in years]


class _SimulatedAccount:
    """An account with one node group."""

    def __init__(self) -> None:
        self.timetable = Timetable()
        self.deployed: dict[str, ScheduledAction] = {}
        self.is_running = False
        self.carried_out = 0
        self.deployments = 0
        self._next = self.timetable.next_action()

    def deploy_actions(self, actions: Sequence[ScheduledAction], *, now: datetime) -> None:
        """Deploy actions as Pulumi does: changed ones are deleted and created again."""
        wanted = {action.name: action for action in actions}
        there = {waiting.name for waiting in self.timetable}
        for name, action in self.deployed.items():
            if wanted.get(name) != action and name in there:
                self.timetable.delete_action(name)
        for name, action in wanted.items():
            if self.deployed.get(name) != action:
                self.timetable.put_action(action, GroupSizes(minimum=0, desired=1 if action.opens else 0), now=now)
        self.deployed = wanted
        self.deployments += 1
        self._next = self.timetable.next_action()

    def carry_out(self, until: datetime) -> None:
        """Run the due actions."""
        while self._next is not None and self._next.at <= until:
            self.is_running = self.timetable.take_next_action().sizes.desired == 1
            self.carried_out += 1
            self._next = self.timetable.next_action()


def _simulate_year(case: YearCase, expand: Expansion) -> YearOutcome:
    account = _SimulatedAccount()
    differences = []
    compared = HOURS_PER_YEAR * timedelta(hours=1) // QUARTER_HOUR
    for number in range(compared):
        now = case.begins + number * QUARTER_HOUR
        account.carry_out(now)
        if number == 0 or (case.deployed_every and number * QUARTER_HOUR % case.deployed_every == timedelta()):
            account.deploy_actions(expand(case.calendar, now), now=now)
        if account.is_running != schedule.is_calendar_open(case.calendar, now):
            differences.append(now)
    return YearOutcome(
        case=case,
        compared=compared,
        carried_out=account.carried_out,
        deployments=account.deployments,
        differences=differences,
    )


def years_report(outcomes: Sequence[YearOutcome]) -> CommandResult:
    """Return the report of the simulated years."""
    rows = [
        (
            outcome.case.calendar.time_zone,
            f"{outcome.case.calendar.start:%H:%M}-{outcome.case.calendar.stop:%H:%M}",
            f"{outcome.deployments}",
            f"{outcome.compared * QUARTER_HOUR // timedelta(hours=1)}",
            f"{outcome.compared}",
            f"{len(outcome.differences)}",
        )
        for outcome in outcomes
    ]
    return CommandResult(
        table=ResultTable(
            title=f"The year from {outcomes[0].case.begins:%Y-%m-%d} on: calendar against scheduled actions",
            columns=("time zone", "open", "deployed", "hours", "quarters", "differ"),
            rows=rows,
        ),
        notes=[
            f"{outcome.case.calendar.time_zone}: {_difference_note(outcome, at)}"
            for outcome in outcomes
            for at in outcome.differences[:SHOWN_DIFFERENCES]
        ],
        figures={
            "years": [
                {
                    "timeZone": outcome.case.calendar.time_zone,
                    "begins": outcome.case.begins.isoformat(),
                    "deployments": outcome.deployments,
                    "actionsCarriedOut": outcome.carried_out,
                    "hoursCompared": outcome.compared * QUARTER_HOUR // timedelta(hours=1),
                    "quartersCompared": outcome.compared,
                    "differences": len(outcome.differences),
                }
                for outcome in outcomes
            ]
        },
        exit_code=1 if any(outcome.differences for outcome in outcomes) else 0,
    )


def _difference_note(outcome: YearOutcome, at: datetime) -> str:
    wanted = schedule.is_calendar_open(outcome.case.calendar, at)
    local = outcome.case.calendar.local_time(at)
    return f"{local:%Y-%m-%d %H:%M %Z} nodes {'do not run and should' if wanted else 'run and should not'}"
