"""`cfs cluster status`: which nodes run, why, until when, and at what cost; for people and for programs."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from cfs.cluster import reports
from cfs.cluster.down import stop_cluster
from cfs.cluster.status import ClusterStatus, read_cluster_status
from cfs.cluster.up import ClusterWindow, start_cluster
from local.aws import capacity
from terminal.results import finish_command
from tests.unit.cfs.cluster.conftest import ENVIRONMENT, REGION, Cluster, full_name, local

if TYPE_CHECKING:
    from collections.abc import Sequence

    from terminal.results import CommandResult

SPOT = Decimal("0.03")
ON_DEMAND = Decimal("0.1")
NOTHING = Decimal(0)


def start(cluster: Cluster, hours: float = 3, **more: Any) -> None:
    start_cluster(
        cluster.aws,
        ClusterWindow(environment=ENVIRONMENT, duration=timedelta(hours=hours), **more),
        clock=cluster.pace,
    )


def shown(cluster: Cluster, *, is_emulated: bool = True) -> CommandResult:
    found = read_cluster_status(cluster.aws, ENVIRONMENT)
    return reports.status_report(found, environment=ENVIRONMENT, region=REGION, is_emulated=is_emulated)


def table_rows(result: CommandResult) -> Sequence[Sequence[str]]:
    assert result.table is not None
    return result.table.rows


def row(cluster: Cluster, name: str) -> dict[str, Any]:
    [found] = [group for group in shown(cluster).figures["groups"] if group["name"] == name]
    return dict(found)


def cost(found: ClusterStatus) -> tuple[Decimal, Decimal]:
    return found.estimate.cost_per_hour().usd, found.estimate.cost_today().usd


def test_a_stopped_cluster_costs_nothing_and_says_when_it_starts(cluster: Cluster) -> None:
    assert cost(read_cluster_status(cluster.aws, ENVIRONMENT)) == (NOTHING, NOTHING)
    assert row(cluster, "storage-a") == {
        "name": "storage-a",
        "role": "storage",
        "nodes": 3,
        "wanted": 0,
        "running": 0,
        "inService": 0,
        "onDemand": 0,
        "usdPerNodeHour": {"lowest": "0.030000", "highest": "0.030000"},
        "since": None,
        "nextStart": "2026-11-24T16:00:00Z",
        "nextStop": None,
        "why": "schedule",
    }


def test_nodes_started_by_hand_are_shown_with_their_stop(cluster: Cluster) -> None:
    start(cluster)
    found = row(cluster, "storage-a")
    assert (found["wanted"], found["running"], found["inService"]) == (3, 3, 3)
    assert found["since"] == "2026-11-24T04:00:00Z"
    assert found["nextStop"] == "2026-11-24T07:00:00Z"
    assert found["why"] == "started by hand"


@pytest.mark.parametrize("moment, why, wanted", [
    (local(24, 9), "schedule", 3),
    (local(24, 19), "schedule", 0),
])  # fmt: skip
def test_nodes_started_by_the_schedule_are_shown_with_that_reason(
    cluster: Cluster, moment: Any, why: str, wanted: int
) -> None:
    cluster.now = moment
    found = row(cluster, "storage-a")
    assert (found["why"], found["wanted"]) == (why, wanted)


def test_a_group_stopped_during_its_hours_is_shown_as_stopped_by_hand_or_guard(cluster: Cluster) -> None:
    cluster.now = local(24, 9)
    stop_cluster(cluster.aws, ENVIRONMENT, ["storage-a"], clock=cluster.pace)
    assert row(cluster, "storage-a")["why"] == "stopped by hand or by a guard"


def test_the_cost_covers_the_time_that_each_node_has_run_today(cluster: Cluster) -> None:
    start(cluster, groups=("storage-a",))  # 3 nodes at 04:00 UTC
    cluster.now += timedelta(hours=1)
    start(cluster, groups=("storage-b",))  # 2 more at 05:00
    cluster.now += timedelta(minutes=30)
    assert cost(read_cluster_status(cluster.aws, ENVIRONMENT)) == (
        5 * SPOT,
        (3 * Decimal("1.5") + 2 * Decimal("0.5")) * SPOT,
    )
    stop_cluster(cluster.aws, ENVIRONMENT, [], clock=cluster.pace)
    cluster.now += timedelta(hours=2)
    assert cost(read_cluster_status(cluster.aws, ENVIRONMENT)) == (NOTHING, Decimal("5.5") * SPOT)


def test_nodes_that_ec2_has_forgotten_count_by_what_auto_scaling_has_recorded(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(cluster, groups=("storage-a",))
    cluster.now += timedelta(hours=2)
    stop_cluster(cluster.aws, ENVIRONMENT, [], clock=cluster.pace)
    monkeypatch.setattr("cfs.cluster.cost_estimate.list_instances", lambda *_: [])
    assert cost(read_cluster_status(cluster.aws, ENVIRONMENT)) == (NOTHING, 6 * SPOT)


def test_the_day_begins_at_midnight_in_utc(cluster: Cluster) -> None:
    cluster.now = local(24, 17)  # an hour after midnight, nine after the schedule's start
    assert cost(read_cluster_status(cluster.aws, ENVIRONMENT)) == (6 * SPOT, 6 * SPOT)
    assert shown(cluster).figures["todaySince"] == "2026-11-25T00:00:00Z"


def test_nodes_on_demand_are_shown_and_priced_by_the_price_list(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "has_spot_capacity", lambda group: group.name != full_name("storage-b"))
    start(cluster, groups=("storage-b",), on_demand=True)
    assert read_cluster_status(cluster.aws, ENVIRONMENT).estimate.cost_per_hour().usd == 2 * ON_DEMAND
    found = row(cluster, "storage-b")
    assert found["onDemand"] == 2
    assert found["why"] == "started by hand; 2 on demand for lack of spot capacity, until they are stopped"
    assert found["usdPerNodeHour"] == {"lowest": "0.1000000000", "highest": "0.1000000000"}


def test_an_unknown_price_is_not_counted_as_zero(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    start(cluster, groups=("storage-a",))
    cluster.now += timedelta(hours=1)
    monkeypatch.setattr("cfs.prices.ec2_prices._spot_prices", lambda *_, **__: {})
    found = shown(cluster)
    assert found.figures["usdPerHour"] == {
        "known": None,
        "unknown": ["c7a.xlarge in us-west-2a", "c7a.xlarge in us-west-2b"],
    }
    assert found.notes[0].startswith("Now: unknown an hour. Today since 00:00 UTC: unknown of the day's budget")
    assert [cells[3] for cells in table_rows(found)] == ["unknown"] * 3


def test_the_budget_and_its_counted_spend_are_shown(cluster: Cluster) -> None:
    found = shown(cluster)
    assert found.figures["budget"] == {"name": "claudefs-test-daily", "usd": "100", "usdCounted": "0"}
    assert "the day's budget of $100.00; AWS Budgets, hours late, has counted $0.00" in found.notes[0]


def test_without_a_budget_the_rest_is_shown_with_the_repair(cluster: Cluster) -> None:
    account_id = cluster.client("sts").get_caller_identity()["Account"]
    cluster.client("budgets").delete_budget(AccountId=account_id, BudgetName="claudefs-test-daily")
    found = shown(cluster)
    assert found.figures["budget"] is None
    assert any("budgets:DescribeBudget" in note and "Repair: deploy" in note for note in found.notes)


def test_placeholders_of_the_emulated_account_are_never_shown_as_prices_of_aws(cluster: Cluster) -> None:
    assert "All prices are placeholders of the emulated account, not AWS's." in shown(cluster).notes
    assert shown(cluster).figures["pricesArePlaceholders"] is True
    assert not any("placeholder" in note for note in shown(cluster, is_emulated=False).notes)


def test_programs_get_only_json(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    start(cluster)
    capsys.readouterr()
    finish_command(shown(cluster), as_json=True)
    assert json.loads(capsys.readouterr().out)["usdPerHour"] == {"known": "0.180000", "unknown": []}


def test_people_get_times_in_the_schedules_time_zone(cluster: Cluster) -> None:
    start(cluster)
    by_name = {cells[0]: cells for cells in table_rows(shown(cluster))}
    assert by_name["storage-a"] == (
        "storage-a", "3 of 3", "3", "0.0300", "Mon 23 Nov 20:00 PST", "stop Mon 23 Nov 23:00 PST", "started by hand",
    )  # fmt: skip


def test_status_changes_nothing(cluster: Cluster) -> None:
    seen: list[str] = []
    with cluster.hearing("before-call", lambda model, **_: seen.append(model.name)):
        shown(cluster)
    assert all(name.startswith(("Describe", "Get")) for name in seen)
