"""How many calls and seconds the guard takes over a thousand instances, in quiet ticks and in one that stops all."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from measure.guard.simulated_account import simulate_account
from terminal.results import CommandResult, ResultTable, to_figures

if TYPE_CHECKING:
    from measure.guard.simulated_account import SimulatedAccount

MOST_ACTING_CALLS, MOST_QUIET_CALLS, MOST_SECONDS = 40, 12, 5.0
"""Limits: calls of a tick that stops everything, calls of one without action, seconds of either on two cores."""

_BEGUN = datetime(2026, 11, 26, 10, tzinfo=UTC)
_TICK = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class MeasuredTick:
    """A tick.

    Attributes:
        calls: Calls to AWS.
        seconds: The guard's own processor time.
        emulator_seconds: Processor time in which the emulator made up the answers.
    """

    calls: int
    seconds: float
    emulator_seconds: float


@dataclass(frozen=True, kw_only=True)
class GuardBenchmark:
    """What the benchmark has measured.

    Attributes:
        instances: Spot instances.
        groups: Auto Scaling groups.
        quiet: A tick without action that reads everything.
        usual: A tick without action as most are.
        acting: The tick over the limit.
        groups_at_zero: Groups whose sizes are zero after it.
        terminated: Instances that are terminated after it.
        is_confirmed: Whether the guard has asked EC2, and nothing remained.
        ledger_bytes: Size of the day's item.
    """

    instances: int
    groups: int
    quiet: MeasuredTick
    usual: MeasuredTick
    acting: MeasuredTick
    groups_at_zero: int
    terminated: int
    is_confirmed: bool
    ledger_bytes: int

    @property
    def is_within_limits(self) -> bool:
        """Whether everything was stopped, within the limits."""
        return (
            self.groups_at_zero == self.groups
            and self.terminated == self.instances
            and self.is_confirmed
            and self.acting.calls <= MOST_ACTING_CALLS
            and max(self.quiet.calls, self.usual.calls) <= MOST_QUIET_CALLS
            and max(self.acting.seconds, self.quiet.seconds) < MOST_SECONDS
        )


def measure_guard(*, instances: int = 1000, groups: int = 12) -> GuardBenchmark:
    """Run ticks over many spot instances in groups, the last one over the limit."""
    with simulate_account() as account:
        account.now = _BEGUN
        for number in range(groups):
            account.add_group(f"group-{number}", instances // groups + (number < instances % groups))
        (account.orchestrator_id,) = account.launch_instances(1, role="orchestrator", spot=False)
        quiet = _measure_tick(account, _BEGUN)
        usual = _measure_tick(account, _BEGUN + _TICK)
        account.budget_usd = Decimal(1)
        acting = _measure_tick(account, _BEGUN + 2 * _TICK)
        summary = next(each.summary for each in account.last_report.outcomes if "instances" in each.summary)
        sizes = [group["MaxSize"] + group["DesiredCapacity"] for group in account.describe_groups().values()]
        return GuardBenchmark(
            instances=instances,
            groups=groups,
            quiet=quiet,
            usual=usual,
            acting=acting,
            groups_at_zero=sizes.count(0),
            terminated=account.instance_states()["terminated"],
            is_confirmed=summary == f"{instances} instances terminated, confirmed",
            ledger_bytes=account.ledger_bytes(),
        )


def _measure_tick(account: SimulatedAccount, now: datetime) -> MeasuredTick:
    account.counted.clear()
    account.answering_seconds = 0.0
    begun = time.process_time()
    account.run_guard(now)
    whole = time.process_time() - begun
    return MeasuredTick(
        calls=account.counted.total(),
        seconds=whole - account.answering_seconds,
        emulator_seconds=account.answering_seconds,
    )


def guard_bench_report(found: GuardBenchmark) -> CommandResult:
    """Return the figures, and exit code 1 if they are beyond the limits."""
    rows = [
        ("without action, everything read", found.quiet, MOST_QUIET_CALLS),
        ("without action, as most are", found.usual, MOST_QUIET_CALLS),
        ("over the limit", found.acting, MOST_ACTING_CALLS),
    ]
    return CommandResult(
        table=ResultTable(
            title=f"The guard over {found.instances} spot instances in {found.groups} groups",
            columns=("tick", "calls", "at most", "seconds", "at most"),
            rows=[
                (name, str(tick.calls), str(most), f"{tick.seconds:.2f}", f"{MOST_SECONDS:.0f}")
                for name, tick, most in rows
            ],
        ),
        notes=[
            f"After it: {found.groups_at_zero} groups at zero, {found.terminated} instances terminated.",
            f"The guard asked EC2 afterwards, and none was left: {'yes' if found.is_confirmed else 'no'}.",
            f"Seconds of the processor, without {found.acting.emulator_seconds:.1f} s of the emulator.",
            f"The day's item in the ledger has {found.ledger_bytes} bytes.",
        ],
        figures=to_figures(found) | {"isWithinLimits": found.is_within_limits},
        exit_code=0 if found.is_within_limits else 1,
    )
