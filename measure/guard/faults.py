"""Every call of the guard fails in every way: it must not count less, must report, and act on what it can."""

from __future__ import annotations

import types
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import botocore.endpoint

from guard.ladder import DEFAULT_LADDER, Ladder
from measure.guard.call_faults import CallFault, FaultKind
from measure.guard.simulated_account import simulate_account
from terminal.progress import show_progress
from terminal.results import CommandResult, ResultTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from measure.guard.simulated_account import SimulatedAccount

_NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
_MODEL = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
_TOKENS_PER_HOUR = 600_000
_GROUPS = ("storage-site-a", "storage-site-b")

LAUNCHES, SIZES, NODES, AGENTS, ORCHESTRATOR = (
    "launches blocked",
    "groups at zero",
    "nodes terminated",
    "agents paused",
    "orchestrator stopped",
)
"""What a tick over the limit brings about."""

_ALL = frozenset({LAUNCHES, SIZES, NODES, AGENTS, ORCHESTRATOR})

_OUT_OF_REACH: Mapping[str, frozenset[str]] = {
    "autoscaling:DescribeAutoScalingGroups": frozenset({LAUNCHES, SIZES}),
    "autoscaling:SuspendProcesses": frozenset({LAUNCHES}),
    "autoscaling:UpdateAutoScalingGroup": frozenset({SIZES}),
    "ec2:DescribeInstances": frozenset({NODES, ORCHESTRATOR}),
    "ec2:TerminateInstances": frozenset({NODES}),
    "ec2:StopInstances": frozenset({ORCHESTRATOR}),
    "ssm:PutParameter": frozenset({AGENTS}),
}
"""What cannot be brought about without a call; all the rest must be."""

_LIMIT_CALLS = (
    "dynamodb:BatchGetItem",
    "dynamodb:PutItem",
    "ec2:DescribeInstances",
    "cloudwatch:ListMetrics",
    "cloudwatch:GetMetricData",
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:SuspendProcesses",
    "autoscaling:UpdateAutoScalingGroup",
    "autoscaling:CreateOrUpdateTags",
    "ssm:GetParameter",
    "ssm:PutParameter",
    "ec2:TerminateInstances",
    "ec2:StopInstances",
    "ec2:CreateTags",
    "sns:Publish",
)
_QUIET_CALLS = (
    "ec2:DescribeSpotPriceHistory",
    "ec2:DescribeVolumes",
    "ec2:DescribeNatGateways",
    "ec2:DescribeAddresses",
    "ce:GetCostAndUsage",
)
_RELEASE_CALLS = ("autoscaling:DescribeScheduledActions", "autoscaling:ResumeProcesses", "ec2:StartInstances")

FAULTED_CALLS = (*_LIMIT_CALLS, *_QUIET_CALLS, *_RELEASE_CALLS)
"""Every call of the guard."""


@dataclass(frozen=True, kw_only=True)
class FaultTrial:
    """What a tick did while a call failed.

    Attributes:
        fault: The fault.
        made: How often the guard made the call in that tick.
        shortfall_usd: How much less it counted than a tick without the fault; 0 or less is right.
        is_reported: Whether the failure was in a message, or made the function fail; true if nothing failed.
        missed: What it did not bring about although it could have.
        recovers: Whether the next tick, without the fault, completed everything.
    """

    fault: CallFault
    made: int
    shortfall_usd: Decimal
    is_reported: bool
    missed: tuple[str, ...]
    recovers: bool

    @property
    def is_safe(self) -> bool:
        """Whether the tick was as it must be."""
        return self.made > 0 and self.shortfall_usd <= 0 and self.is_reported and not self.missed and self.recovers


def try_faults(calls: Iterable[str] = FAULTED_CALLS, kinds: Iterable[FaultKind] = FaultKind) -> list[FaultTrial]:
    """Try each kind of fault on each call, on an account of its own each time."""
    kinds = tuple(kinds)
    references: dict[str, Decimal] = {}
    trials = []
    without_waits = patch.object(botocore.endpoint, "time", types.SimpleNamespace(sleep=lambda _: None))
    with without_waits, show_progress("faults") as step:
        for call in calls:
            scenario = _find_scenario(call)
            if scenario.__name__ not in references:
                references[scenario.__name__] = scenario(None).spent_usd
            reference = references[scenario.__name__]
            trials += [scenario(CallFault(call=call, kind=kind)).as_trial(reference) for kind in kinds]
            step.advance_to(len(trials))
    return trials


@dataclass(frozen=True, kw_only=True)
class _Observation:
    fault: CallFault | None
    made: int
    spent_usd: Decimal
    is_reported: bool
    missed: tuple[str, ...]
    recovers: bool

    def as_trial(self, reference_usd: Decimal) -> FaultTrial:
        if self.fault is None:
            raise TypeError("an observation without a fault is no trial")
        return FaultTrial(
            fault=self.fault,
            made=self.made,
            shortfall_usd=reference_usd - self.spent_usd,
            is_reported=self.is_reported,
            missed=self.missed,
            recovers=self.recovers,
        )


def _find_scenario(call: str) -> Callable[[CallFault | None], _Observation]:
    if call in _LIMIT_CALLS:
        return _exceed_limit
    return _measure_quietly if call in _QUIET_CALLS else _release_changes


def _prepare_account(account: SimulatedAccount, begun: datetime) -> None:
    """Let an environment run for half an hour under the guard's eyes, at a constant rate."""
    account.now = begun
    account.ladder = Ladder(percentages=DEFAULT_LADDER.percentages, may_stop_orchestrator=True)
    for name in _GROUPS:
        account.add_group(name, 2)
    # In no group, so that only the guard's own call terminates them.
    account.launch_instances(3, role="client")
    (account.orchestrator_id,) = account.launch_instances(1, role="orchestrator", spot=False)
    for minutes in (0, 20):
        _spend_tokens(account, begun + timedelta(minutes=minutes))
        account.run_guard(begun + timedelta(minutes=minutes))


def _spend_tokens(account: SimulatedAccount, until: datetime) -> None:
    """Let agents have spent tokens at a constant rate up to a time."""
    since = account.last_tokens_at or until.replace(hour=0, minute=0)
    account.last_tokens_at = until
    tokens = int((until - since) / timedelta(hours=1) * _TOKENS_PER_HOUR)
    account.count_tokens(_MODEL, tokens=tokens, at=until - timedelta(seconds=1))


def _exceed_limit(fault: CallFault | None) -> _Observation:
    with simulate_account() as account:
        _prepare_account(account, _NOON - timedelta(hours=2))
        at = account.now + timedelta(minutes=5)
        # The limit is crossed by what the last rate adds, so that a tick that measures nothing must notice too.
        meter = account.last_report.record.meter
        account.budget_usd = (meter.usd + meter.usd_per_hour / 24) / Decimal("1.2")
        observed = _observe_tick(account, fault, at, expected=_ALL)
        account.run_guard(at + timedelta(minutes=5))
        return _finish_observation(
            observed, recovers=_brought_about(account, account.running_ids() - {account.orchestrator_id}) == _ALL
        )


def _measure_quietly(fault: CallFault | None) -> _Observation:
    with simulate_account() as account:
        account.run_guard(_NOON - timedelta(days=1))
        _prepare_account(account, _NOON - timedelta(minutes=30))
        observed = _observe_tick(account, fault, _NOON + timedelta(minutes=1), expected=frozenset())
        account.run_guard(_NOON + timedelta(minutes=32))
        return _finish_observation(observed, recovers=not account.last_report.failures)


def _release_changes(fault: CallFault | None) -> _Observation:
    with simulate_account() as account:
        _prepare_account(account, _NOON - timedelta(hours=2))
        account.budget_usd = Decimal("0.01")
        account.run_guard(account.now + timedelta(minutes=5))
        account.budget_usd = Decimal(1000)
        at = _NOON + timedelta(hours=12, minutes=5)
        observed = _observe_tick(account, fault, at, expected=frozenset())
        account.run_guard(at + timedelta(minutes=5))
        return _finish_observation(observed, recovers=_is_restored(account))


def _observe_tick(
    account: SimulatedAccount, fault: CallFault | None, at: datetime, *, expected: frozenset[str]
) -> _Observation:
    _spend_tokens(account, at)
    nodes = account.running_ids() - {account.orchestrator_id}
    account.fault = fault
    account.counted.clear()
    report = account.run_guard(at)
    account.fault = None
    call = fault.call if fault else ""
    failed = {failure.call for failure in report.failures}
    told = report.message.body if report.message else ""
    is_reported = report.is_unreported or all(each in told for each in failed)
    if fault is not None and fault.kind is not FaultKind.SLOW and not failed:
        is_reported = False
    missed = expected - _brought_about(account, nodes) - _OUT_OF_REACH.get(call, frozenset())
    return _Observation(
        fault=fault,
        made=account.counted[call],
        spent_usd=report.record.meter.usd,
        is_reported=is_reported,
        missed=tuple(sorted(missed)),
        recovers=False,
    )


def _finish_observation(observed: _Observation, *, recovers: bool) -> _Observation:
    return _Observation(**{**vars(observed), "recovers": recovers})


def _brought_about(account: SimulatedAccount, nodes: set[str]) -> frozenset[str]:
    groups = account.describe_groups().values()
    orchestrator = account.described.backend.get_instance(account.orchestrator_id)._state.name  # noqa: SLF001 — moto has no other way
    facts: dict[str, bool] = {
        LAUNCHES: all("Launch" in _suspended_processes(group) for group in groups),
        SIZES: all(group["MaxSize"] == 0 for group in groups),
        NODES: not nodes & account.running_ids(),
        AGENTS: account.agents_mode() == "paused",
        ORCHESTRATOR: orchestrator == "stopped",
    }
    return frozenset(name for name, holds in facts.items() if holds)


def _is_restored(account: SimulatedAccount) -> bool:
    groups = account.describe_groups().values()
    return (
        not any(_suspended_processes(group) for group in groups)
        and all(group["DesiredCapacity"] == 2 for group in groups)  # noqa: PLR2004 — as prepared
        and account.agents_mode() == "normal"
        and account.described.backend.get_instance(account.orchestrator_id)._state.name == "running"  # noqa: SLF001 — the same
    )


def _suspended_processes(group: Mapping[str, Any]) -> set[str]:
    return {process["ProcessName"] for process in group["SuspendedProcesses"]}


def faults_report(trials: list[FaultTrial]) -> CommandResult:
    """Return the table of calls by kinds of faults, and exit code 1 if a trial was not safe."""
    by_call: dict[str, dict[FaultKind, FaultTrial]] = {}
    for trial in trials:
        by_call.setdefault(trial.fault.call, {})[trial.fault.kind] = trial
    kinds = list(dict.fromkeys(trial.fault.kind for trial in trials))
    unsafe = [trial for trial in trials if not trial.is_safe]
    return CommandResult(
        table=ResultTable(
            title="How often the guard made a call that fails, and whether it counted, reported and acted as it must",
            columns=("call", *(kind.value for kind in kinds)),
            rows=[(call, *(_write_cell(row[kind]) for kind in kinds)) for call, row in by_call.items()],
        ),
        notes=[
            f"{len(trials)} trials, {len(trials) - len(unsafe)} safe. Safe: counted no less than without the fault,",
            "reported it, did all that the call is not needed for, and the next tick did the rest.",
            *(f"NOT SAFE: {trial}" for trial in unsafe),
        ],
        figures={
            "trials": len(trials),
            "safe": len(trials) - len(unsafe),
            "calls": {call: {kind.value: _trial_figures(row[kind]) for kind in kinds} for call, row in by_call.items()},
        },
        exit_code=1 if unsafe else 0,
    )


def _write_cell(trial: FaultTrial) -> str:
    return f"{trial.made}" if trial.is_safe else f"{trial.made} UNSAFE"


def _trial_figures(trial: FaultTrial) -> dict[str, Any]:
    return {
        "made": trial.made,
        "shortfallUsd": str(trial.shortfall_usd),
        "isReported": trial.is_reported,
        "missed": list(trial.missed),
        "recovers": trial.recovers,
        "isSafe": trial.is_safe,
    }
