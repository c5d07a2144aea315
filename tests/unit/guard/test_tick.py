"""Whole ticks on an account: what they measure, change, restore, tell and remember."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from guard import handler
from guard.ledger import Ledger
from guard.tick import Memory
from measure.guard.bench import measure_guard
from measure.guard.call_faults import CallFault, FaultKind
from measure.guard.faults import try_faults
from measure.guard.replay import ReplayedDay, ReplayedTick
from measure.guard.replay_plot import draw_replay
from measure.guard.simulated_account import PARAMETER, TABLE, simulate_account

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guard.ledger import LedgerView
    from guard.tick import TickReport
    from measure.guard.simulated_account import SimulatedAccount

TEN = datetime(2026, 11, 26, 10, tzinfo=UTC)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@pytest.fixture
def account() -> Iterator[SimulatedAccount]:
    """An environment that runs since ten o'clock: a group of two, a node in no group, the orchestrator."""
    with simulate_account() as simulated:
        simulated.now = TEN
        simulated.add_group("storage-site-a", 2)
        simulated.launch_instances(1, role="client")
        (simulated.orchestrator_id,) = simulated.launch_instances(1, role="orchestrator", spot=False)
        yield simulated


def test_over_the_limit_a_tick_stops_all_but_the_orchestrator_and_other_environments(account: SimulatedAccount) -> None:
    account.launch_instances(2, environment="other")
    account.budget_usd = Decimal("0.01")
    report = account.run_guard(TEN + minutes(5))
    (group,) = account.describe_groups().values()
    assert (group["MinSize"], group["MaxSize"], group["DesiredCapacity"]) == (0, 0, 0)
    assert {process["ProcessName"] for process in group["SuspendedProcesses"]} == {"Launch", "ScheduledActions"}
    assert account.instance_states() == {"terminated": 3, "running": 1}
    assert account.instance_states(environment="other") == {"running": 2}
    assert account.agents_mode() == "paused"
    assert report.message is not None
    for words in (
        "3 instances terminated, confirmed",
        "of the day's $0.01 spent",
        "cfs guard pause --environment test",
    ):
        assert words in report.message.body
    tags = {tag["Key"]: tag["Value"] for tag in group["Tags"]}
    assert "scaled to zero from 0/2/2" in tags["CfsGuardAction"]
    assert "spent" in tags["CfsGuardReason"]
    assert tags["CfsGuardError"] == "none"


def test_the_same_state_again_changes_and_tells_nothing(account: SimulatedAccount) -> None:
    account.budget_usd = Decimal("0.01")
    account.run_guard(TEN + minutes(5))
    account.counted.clear()
    report = account.run_guard(TEN + minutes(10))
    assert (report.outcomes, report.message) == ((), None)
    assert not {
        call for call in account.counted if call.partition(":")[2].startswith(("Sus", "Upd", "Ter", "Cre", "Pub"))
    }


def test_when_the_budgets_day_changes_the_guard_restores_what_it_changed(account: SimulatedAccount) -> None:
    account.budget_usd = Decimal("0.01")
    account.run_guard(TEN + minutes(5))
    account.budget_usd = Decimal(100)
    report = account.run_guard(TEN + timedelta(hours=14))
    (group,) = account.describe_groups().values()
    assert (group["MinSize"], group["MaxSize"], group["DesiredCapacity"]) == (0, 2, 2)
    assert group["SuspendedProcesses"] == []
    assert account.agents_mode() == "normal"
    assert report.message is not None
    assert report.message.subject.endswith("changes restored")


def test_a_node_that_cannot_be_terminated_does_not_shield_the_others(account: SimulatedAccount) -> None:
    stubborn, *_ = account.launch_instances(5, role="client")
    account.service_client("ec2").modify_instance_attribute(InstanceId=stubborn, DisableApiTermination={"Value": True})
    account.budget_usd = Decimal("0.01")
    report = account.run_guard(TEN + minutes(5))
    assert account.instance_states() == {"terminated": 7, "running": 2}
    assert report.message is not None
    assert f"1 still run: {stubborn}" in report.message.body
    again = account.run_guard(TEN + minutes(10))
    assert again.message is None, "what people know already"


def test_two_runs_at_once_count_each_second_once_and_tell_each_step_once(account: SimulatedAccount) -> None:
    account.run_guard(TEN + minutes(5))
    account.budget_usd = Decimal("0.6")
    read = Ledger.read_ledger
    others: list[TickReport | None] = []

    def read_and_be_overtaken(ledger: Ledger, day: Any) -> LedgerView:
        view = read(ledger, day)
        if not others:
            others.append(None)
            others.append(account.run_guard(TEN + minutes(10)))
        return view

    with patch.object(Ledger, "read_ledger", read_and_be_overtaken):
        overtaken = account.run_guard(TEN + minutes(10))
    assert overtaken.record.meter.instance_seconds == 4 * 600
    other = others[1]
    assert other is not None
    told = [report for report in (other, overtaken) if report.message is not None]
    assert told == [other]


def test_a_dry_run_changes_nothing_and_tells_what_it_would_do(account: SimulatedAccount) -> None:
    account.budget_usd, account.is_dry_run = Decimal("0.01"), True
    report = account.run_guard(TEN + minutes(5))
    assert account.instance_states() == {"running": 4}
    assert account.agents_mode() == "normal"
    assert report.message is not None
    assert report.message.subject.startswith("Dry run: ")
    assert "3 instances terminated" in report.message.body
    assert account.run_guard(TEN + minutes(10)).message is None


def test_without_the_ledger_the_guard_goes_on_with_what_it_remembers_and_fails(account: SimulatedAccount) -> None:
    account.run_guard(TEN + minutes(5))
    account.budget_usd = Decimal("0.01")
    account.fault = CallFault(call="dynamodb:BatchGetItem", kind=FaultKind.DENIED)
    report = account.run_guard(TEN + minutes(10))
    account.fault = None
    assert report.record.meter.instance_seconds == 4 * 600
    assert account.instance_states()["terminated"] == 3
    assert report.message is not None
    assert "dynamodb:BatchGetItem" in report.message.body


def test_a_new_process_without_the_ledger_counts_what_it_sees(account: SimulatedAccount) -> None:
    account.run_guard(TEN + minutes(5))
    account.memory = Memory()
    account.fault = CallFault(call="dynamodb:BatchGetItem", kind=FaultKind.DENIED)
    report = account.run_guard(TEN + minutes(10))
    assert report.record.meter.instance_seconds == 4 * 600
    assert report.is_unreported, "an item that it has not read is not overwritten"


def test_cost_explorer_is_asked_twice_a_day(account: SimulatedAccount) -> None:
    account.run_guard(TEN - timedelta(days=1))
    account.counted.clear()
    for hour in (11, 12, 13, 22, 23):
        account.run_guard(TEN.replace(hour=hour))
    account.run_guard(TEN.replace(hour=23, minute=30))
    assert account.counted["ce:GetCostAndUsage"] == 2


def test_tokens_are_counted_by_model_and_metered_at_its_price(account: SimulatedAccount) -> None:
    account.count_tokens("us.anthropic.claude-haiku-4-5-20251001-v1:0", tokens=1_000_000, at=TEN)
    account.count_tokens("unknown.model-v9", tokens=1_000, at=TEN)
    report = account.run_guard(TEN + minutes(5))
    assert report.record.meter.usd_by_component["bedrock"] > Decimal("1.1")
    assert report.message is not None
    assert "no price is known for the model unknown.model-v9; the highest of its kind is assumed" in report.message.body


def test_the_function_logs_one_line_and_writes_its_metrics_into_the_log(
    account: SimulatedAccount, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ladder = {step.value: percent for step, percent in account.ladder.percentages.items()}
    variables = {
        "AWS_REGION": "us-west-2",
        "CFS_PROJECT": "claudefs",
        "CFS_ENVIRONMENT": "test",
        "CFS_LEDGER_TABLE": TABLE,
        "CFS_ALERT_TOPIC_ARN": account.topic_arn,
        "CFS_AGENT_MODE_PARAMETER": PARAMETER,
        "CFS_DAILY_BUDGET_USD": "100",
        "CFS_GUARD_LADDER": json.dumps(ladder),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    figures = handler.handle({}, None)
    assert figures["failures"] == []
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    metrics = next(line for line in lines if "_aws" in line)
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "CFS/Cost"
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Environment"]]
    assert {"SpendUsd", "HourlyRateUsd", "ForecastUsd", "FailedCalls"} <= metrics.keys()
    assert "Actions" not in metrics


def test_the_harness_finds_the_guard_within_its_limits_on_a_small_account() -> None:
    found = measure_guard(instances=24)
    assert (found.groups_at_zero, found.terminated, found.is_confirmed) == (12, 24, True)
    assert found.acting.calls <= 40
    assert found.quiet.calls <= 12
    assert found.usual.calls < found.quiet.calls


def test_a_fault_is_tried_and_judged() -> None:
    (trial,) = try_faults(["ec2:DescribeInstances"], [FaultKind.PARTIAL])
    assert trial.is_safe


def test_a_replayed_day_is_plotted_with_its_steps() -> None:
    tick = ReplayedTick(
        at=TEN, usd=Decimal(101), usd_per_hour=Decimal(3), steps=("stopCluster",), calls={}, metrics=0, ledger_bytes=1
    )
    day = ReplayedDay(
        budget_usd=Decimal(100),
        ticks=[tick],
        runaway_usd_per_hour=Decimal(75),
        peak_usd_per_hour=Decimal(80),
        over_usd=Decimal(1),
        most_over_usd=Decimal(8),
        late_curve=[(24.0, Decimal(845))],
        own_usd={"function": Decimal("0.05")},
    )
    drawn = draw_replay(day)
    assert "100 %: cluster stopped" in drawn
    assert "billing data 10 h late: $845" in drawn
    assert day.is_within_limits
