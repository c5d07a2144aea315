"""A day under the guard: agents, the cluster in its hours, and a runaway launch of 200 instances at 14:00.

The same day is told without the guard, as billing data that is ten hours late would have had it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cfs.aws import AwsAccount
from cfs.report.status_page import build_status_page
from costs.price_list import ServicePrice, load_price_list
from measure.guard.recorded_environment import RecordedEnvironment
from measure.guard.simulated_account import NODE_TYPE, REGION, SIMULATED_ENVIRONMENT, simulate_account
from terminal.progress import show_progress
from terminal.results import CommandResult, ResultTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from measure.guard.simulated_account import SimulatedAccount

_MIDNIGHT = datetime(2026, 11, 26, tzinfo=UTC)
_TICK = timedelta(minutes=5)
_RUNAWAY_AT = _MIDNIGHT + timedelta(hours=14, minutes=1)
"""Just after a tick, so that the guard sees it as late as it can."""

_RUNAWAY_NODES = 200
_NODE_GROUP = "storage-site-a"
_CLUSTER_HOURS = (7, 17)
_CLUSTER_NODES = 5
_TERMINATION = timedelta(minutes=1)
"""Time that terminated instances may still be billed for."""

BILLING_DELAY = timedelta(hours=10)
"""How late AWS's billing data is: 8 to 12 hours.
https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-best-practices.html"""

_TOKENS_PER_HOUR: Mapping[str, Mapping[str, int]] = {
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0": {
        "InputTokenCount": 130_000,
        "OutputTokenCount": 45_000,
        "CacheReadInputTokenCount": 2_000_000,
        "CacheWriteInputTokenCount": 120_000,
    },
    "us.anthropic.claude-haiku-4-5-20251001-v1:0": {"InputTokenCount": 60_000, "OutputTokenCount": 15_000},
}
"""What agents spend: $2.40 an hour, as the measured baseline of $55 to $70 a day."""

_WRITE_UNIT_BYTES, _READ_UNIT_BYTES = 1024, 4096
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html"""

_RUN_SECONDS, _MEMORY_GB, _LOG_BYTES = 2, 1, 3000
"""What a run of the function is assumed to take."""

_METRICS, _ALARMS, _MONTH_DAYS = 4, 2, 30

_ECONOMY_MODEL = "us.anthropic.claude-haiku-4-5-20251001-v1:0"


@dataclass(frozen=True, kw_only=True)
class ReplayedTick:
    """A tick of the day.

    Attributes:
        at: When.
        usd: What the guard has metered since midnight.
        usd_per_hour: The rate.
        steps: Steps of the ladder that hold.
        calls: Calls by name.
        metrics: Metrics that were read.
        ledger_bytes: Size of the day's item.
    """

    at: datetime
    usd: Decimal
    usd_per_hour: Decimal
    steps: tuple[str, ...]
    calls: Mapping[str, int]
    metrics: int
    ledger_bytes: int


@dataclass(frozen=True, kw_only=True)
class ReplayedDay:
    """The day.

    Attributes:
        budget_usd: Its budget.
        ticks: Its ticks.
        runaway_usd_per_hour: What the runaway costs an hour.
        peak_usd_per_hour: The rate at its height.
        over_usd: What was spent over the limit from the runaway on until it was stopped.
        most_over_usd: The most that this may be: one tick at the highest rate, and the termination.
        late_curve: Hours and US dollars of the same day if billing data that is late stops the runaway.
        own_usd: What the guard's own calls and fixed parts cost, by item.
    """

    budget_usd: Decimal
    ticks: Sequence[ReplayedTick]
    runaway_usd_per_hour: Decimal
    peak_usd_per_hour: Decimal
    over_usd: Decimal
    most_over_usd: Decimal
    late_curve: Sequence[tuple[float, Decimal]]
    own_usd: Mapping[str, Decimal]

    @property
    def late_usd(self) -> Decimal:
        """What the day costs if billing data that is late stops the runaway."""
        return self.late_curve[-1][1]

    @property
    def is_within_limits(self) -> bool:
        """Whether the guard stopped the runaway within a tick and costs less than $0.10."""
        return self.over_usd <= self.most_over_usd and sum(self.own_usd.values()) < Decimal("0.10")


def replay_day(*, budget_usd: Decimal = Decimal(100), page: Path | None = None) -> ReplayedDay:
    """Replay the day at ticks of five minutes.

    Args:
        budget_usd: The day's budget.
        page: File to write the status page to, as it is at the end of the day.
    """
    with simulate_account() as account, show_progress("ticks") as step:
        account.run_guard(_MIDNIGHT - _TICK)
        account.now = _MIDNIGHT
        account.budget_usd = budget_usd
        (account.orchestrator_id,) = account.launch_instances(1, role="orchestrator", spot=False, type_="c7a.2xlarge")
        group = account.add_group(_NODE_GROUP, _CLUSTER_NODES)
        account.scale_group(group, 0)
        recorded = RecordedEnvironment(account=account, node_groups=(_NODE_GROUP,))
        recorded.declare_observation()
        ticks = []
        for number in range(288):
            at = _MIDNIGHT + number * _TICK
            _live_until(account, group, at)
            ticks.append(_replay_tick(account, at))
            if page is not None:
                recorded.record_tick(account.last_report)
            step.advance_to(number + 1, 288)
        if page is not None:
            _write_page(account, page)
    return _summarize_day(ticks, budget_usd, load_price_list(REGION).spot_hour(NODE_TYPE) * _RUNAWAY_NODES)


def _write_page(account: SimulatedAccount, file: Path) -> None:
    aws = AwsAccount(session=account.session, clock=lambda: _MIDNIGHT + timedelta(days=1))
    file.write_text(build_status_page(aws, SIMULATED_ENVIRONMENT, hours=24).render_html(), encoding="utf-8")


def _live_until(account: SimulatedAccount, group: str, at: datetime) -> None:
    """Let five minutes pass: agents spend tokens, the schedule acts, and the runaway begins."""
    since = at - _TICK
    account.now = at
    if since >= _MIDNIGHT:
        mode = account.agents_mode()
        for model, metrics in _TOKENS_PER_HOUR.items():
            used = _ECONOMY_MODEL if mode == "economy" else model
            for metric, tokens in metrics.items():
                if mode != "paused":
                    account.count_tokens(used, metric=metric, tokens=tokens // 12, at=since + _TICK / 2)
    for hour, nodes in zip(_CLUSTER_HOURS, (_CLUSTER_NODES, 0), strict=True):
        if since < _MIDNIGHT + timedelta(hours=hour) <= at:
            account.scale_group(group, nodes)
    if since < _RUNAWAY_AT <= at:
        account.now = _RUNAWAY_AT
        account.launch_instances(_RUNAWAY_NODES)
        account.now = at


def _replay_tick(account: SimulatedAccount, at: datetime) -> ReplayedTick:
    account.counted.clear()
    account.metrics_read = 0
    report = account.run_guard(at)
    meter = report.record.meter
    return ReplayedTick(
        at=at,
        usd=meter.usd,
        usd_per_hour=meter.usd_per_hour,
        steps=tuple(step.value for step in report.decision.steps),
        calls=dict(account.counted),
        metrics=account.metrics_read,
        ledger_bytes=account.ledger_bytes(),
    )


def _summarize_day(ticks: Sequence[ReplayedTick], budget_usd: Decimal, runaway: Decimal) -> ReplayedDay:
    stopped = next((tick for tick in ticks if "stopCluster" in tick.steps), ticks[-1])
    peak = max(tick.usd_per_hour for tick in ticks)
    # What it goes on to cost after it was stopped is the orchestrator and its agents.
    over = max(stopped.usd - budget_usd, Decimal(0)) + runaway * _duration_hours(_TERMINATION)
    late = _late_curve(ticks, runaway)
    return ReplayedDay(
        budget_usd=budget_usd,
        ticks=ticks,
        runaway_usd_per_hour=runaway,
        peak_usd_per_hour=peak,
        over_usd=over,
        most_over_usd=peak * _duration_hours(_TICK + _TERMINATION),
        late_curve=late,
        own_usd=_own_costs(ticks),
    )


def _late_curve(ticks: Sequence[ReplayedTick], runaway: Decimal) -> list[tuple[float, Decimal]]:
    """Return the day without the guard: everything goes on at the rate before, and the runaway until it is billed."""
    before = _tick_before_runaway(ticks)
    curve = []
    for tick in ticks:
        ran = min(max(tick.at + _TICK - _RUNAWAY_AT, timedelta(0)), BILLING_DELAY)
        usd = (
            tick.usd
            if tick.at <= before.at
            else before.usd + before.usd_per_hour * _duration_hours(tick.at + _TICK - before.at)
        )
        curve.append((_duration_hours(tick.at + _TICK - _MIDNIGHT), usd + runaway * _duration_hours(ran)))
    return [(float(hour), usd) for hour, usd in curve]


def _tick_before_runaway(ticks: Sequence[ReplayedTick]) -> ReplayedTick:
    return [tick for tick in ticks if tick.at < _RUNAWAY_AT][-1]


def _duration_hours(duration: timedelta) -> Decimal:
    return Decimal(duration // timedelta(seconds=1)) / 3600


def _own_costs(ticks: Sequence[ReplayedTick]) -> dict[str, Decimal]:
    """Return what the guard itself cost on the day, without AWS's free tiers."""
    prices = load_price_list(REGION)
    made: Counter[str] = Counter()
    for tick in ticks:
        made.update(tick.calls)
    runs = len(ticks)
    writes = sum(-(-tick.ledger_bytes // _WRITE_UNIT_BYTES) for tick in ticks) * made["dynamodb:PutItem"] / runs
    reads = sum(-(-tick.ledger_bytes // _READ_UNIT_BYTES) + 3 for tick in ticks)
    lambda_gb_seconds = runs * _RUN_SECONDS * _MEMORY_GB
    return {
        "metrics read": prices.service_price(ServicePrice.METRIC_REQUESTED) * sum(tick.metrics for tick in ticks),
        "metrics listed": prices.service_price(ServicePrice.CLOUDWATCH_REQUEST) * made["cloudwatch:ListMetrics"],
        "Cost Explorer": prices.service_price(ServicePrice.COST_EXPLORER_REQUEST) * made["ce:GetCostAndUsage"],
        "ledger": prices.service_price(ServicePrice.DYNAMODB_WRITE) * Decimal(writes)
        + prices.service_price(ServicePrice.DYNAMODB_READ) * reads,
        "function": prices.service_price(ServicePrice.LAMBDA_REQUEST) * runs
        + prices.lambda_gb_second("arm64") * lambda_gb_seconds,
        "logs": prices.service_price(ServicePrice.LOGS_INGESTED_GB) * runs * _LOG_BYTES / 10**9,
        "messages": prices.service_price(ServicePrice.SNS_REQUEST) * made["sns:Publish"],
        "own metrics": prices.service_price(ServicePrice.METRIC_MONTH) * _METRICS / _MONTH_DAYS,
        "alarms": prices.service_price(ServicePrice.ALARM_MONTH) * _ALARMS / _MONTH_DAYS,
    }


def replay_report(day: ReplayedDay) -> CommandResult:
    """Return the day's figures, and exit code 1 if they are beyond the limits."""
    own = sum(day.own_usd.values())
    stopped = next((tick for tick in day.ticks if "stopCluster" in tick.steps), day.ticks[-1])
    rows = [
        ("budget", f"{day.budget_usd:.2f}"),
        ("spent when the runaway began", f"{_tick_before_runaway(day.ticks).usd:.2f}"),
        ("the runaway, an hour", f"{day.runaway_usd_per_hour:.2f}"),
        (f"spent at {stopped.at:%H:%M}, when it was stopped", f"{stopped.usd:.2f}"),
        ("over the limit, with a minute of termination", f"{day.over_usd:.2f}"),
        ("at most, by one tick and the termination", f"{day.most_over_usd:.2f}"),
        ("spent at the end of the day", f"{day.ticks[-1].usd:.2f}"),
        ("the same day with billing data 10 h late", f"{day.late_usd:.2f}"),
        ("the guard's own cost", f"{own:.4f}"),
    ]
    return CommandResult(
        table=ResultTable(
            title="A day with a runaway launch of 200 instances at 14:00", columns=("figure", "US dollars"), rows=rows
        ),
        notes=[f"{item}: ${usd:.4f}" for item, usd in day.own_usd.items()],
        figures=_replay_figures(day),
        exit_code=0 if day.is_within_limits else 1,
    )


def _replay_figures(day: ReplayedDay) -> dict[str, Any]:
    return {
        "budgetUsd": str(day.budget_usd),
        "overUsd": f"{day.over_usd:.2f}",
        "mostOverUsd": f"{day.most_over_usd:.2f}",
        "lateUsd": f"{day.late_usd:.2f}",
        "endUsd": f"{day.ticks[-1].usd:.2f}",
        "ownUsd": f"{sum(day.own_usd.values()):.4f}",
        "ownUsdByItem": {item: f"{usd:.4f}" for item, usd in day.own_usd.items()},
        "isWithinLimits": day.is_within_limits,
        "ticks": [
            {"at": tick.at.isoformat(), "usd": f"{tick.usd:.2f}", "steps": list(tick.steps)} for tick in day.ticks
        ],
    }
