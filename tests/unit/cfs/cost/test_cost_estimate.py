"""Cost of a stack: the former baseline, the shipped settings, schedules, spot, levers, and the limit."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from typer.testing import CliRunner

from cfs.cost.cost_report import TARGET_USD, cost_figures, cost_markdown
from cfs.cost.stack_cost import estimate_environment
from cli.app import app
from costs.price_list import MAX_PRICE_DAYS
from terminal.errors import UserError

if TYPE_CHECKING:
    from cfs.cost.cost_report import CostReport

PROJECT = Path(__file__).parents[4]
BASELINE = Path(__file__).parent / "baseline.yaml"
TODAY = date(2026, 11, 26)
PLAN = {"model selection", "batching", "right-sizing", "schedules", "storage"}


def estimate(tmp_path: Path, **changed: Any) -> dict[str, Any]:
    """Estimate the baseline with some settings changed."""
    document = yaml.safe_load(BASELINE.read_text())
    document["config"] |= {f"claudefs-infra:{name}": value for name, value in changed.items()}
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text(yaml.safe_dump(document))
    return cost_figures(estimate_environment("test", today=TODAY, settings_file=file))


def report(**options: Any) -> CostReport:
    return estimate_environment("test", today=TODAY, settings_file=BASELINE, **options)


def test_the_former_baselines_settings_cost_as_much_as_the_baseline_did() -> None:
    day = cost_figures(report())["per_running_day_usd"]

    assert day["components"]["orchestrator"] == pytest.approx(10, rel=0.05)
    assert 55 <= day["agents"] <= 70
    # The baseline has neither alarms nor metrics.
    assert day["infrastructure"] - day["components"]["alarms and metrics"] == pytest.approx(26, rel=0.1)
    assert day["total"] == pytest.approx((85 + 96) / 2, rel=0.05)


def test_unquoted_times_and_days_are_read_as_pulumi_reads_them(tmp_path: Path) -> None:
    files = [tmp_path / "quoted.yaml", tmp_path / "unquoted.yaml"]
    for file, mark in zip(files, ("'", ""), strict=True):
        own = f"  claudefs-infra:scheduleStop: {mark}16:30{mark}\n  claudefs-infra:holidays: [{mark}2030-12-25{mark}]\n"
        kept = (line for line in BASELINE.read_text().splitlines(keepends=True) if "scheduleStop" not in line)
        file.write_text("".join(kept).replace("config:\n", f"config:\n{own}", 1))
    quoted, unquoted = (cost_figures(estimate_environment("test", today=TODAY, settings_file=file)) for file in files)
    assert quoted == unquoted


def test_production_as_shipped_costs_less_than_sixty_dollars_and_its_infrastructure_less_than_twenty() -> None:
    figures = cost_figures(estimate_environment("prod", today=TODAY))

    day = figures["per_day_usd"]
    assert day["total"] < 60
    assert day["infrastructure"] < 20
    assert day["total"] == pytest.approx(sum(day["components"].values()), abs=0.01)
    assert figures["per_month_usd"]["total"] == pytest.approx(day["total"] * 365 / 12, abs=0.01)
    assert figures["per_running_day_usd"]["total"] < figures["per_day_all_on_demand_usd"] < figures["limit_usd"]


@pytest.mark.parametrize("environment", ["prod", "staging", "local"])
def test_each_lever_of_the_plan_is_a_line_with_its_saving(environment: str) -> None:
    levers = {lever["name"]: lever for lever in cost_figures(estimate_environment(environment, today=TODAY))["levers"]}

    assert levers.keys() >= PLAN
    assert all(lever["saves_usd"] >= 0 for lever in levers.values()), levers
    assert [name for name in PLAN if levers[name]["saves_usd"] == 0] == []
    assert {name for name in PLAN if levers[name]["applied"]} == {"model selection", "schedules", "storage"}


def test_holidays_and_extra_days_change_the_average_and_not_a_running_day(tmp_path: Path) -> None:
    plain = estimate(tmp_path)
    fewer = estimate(tmp_path, holidays=["2026-12-24", "2026-12-25"])
    more = estimate(tmp_path, extraDays=["2026-12-05"])

    averages = [each["per_day_usd"]["infrastructure"] for each in (fewer, plain, more)]
    assert averages == sorted(set(averages))
    assert averages[1] - averages[0] == pytest.approx(2 * (averages[2] - averages[1]), abs=0.001)
    assert len({each["per_running_day_usd"]["total"] for each in (fewer, plain, more)}) == 1


def test_a_group_that_no_schedule_starts_costs_nothing_and_one_on_demand_its_price(tmp_path: Path) -> None:
    groups = {"jepsen": {"scheduleStart": "none"}, "storage-a": {"instanceTypes": ["i4i.2xlarge"], "onDemandBase": 3}}
    costs = estimate(tmp_path, nodeGroups=groups)["per_running_day_usd"]["components"]

    assert costs["group jepsen"] == 0
    assert costs["group storage-a"] == pytest.approx(3 * 8 * 0.686, abs=0.001)


def test_a_running_day_over_the_limit_exits_with_status_one(tmp_path: Path) -> None:
    file = tmp_path / "estimate.md"
    arguments = ["cost", "estimate", "--environment", "test", "--settings", str(BASELINE), "--markdown", str(file)]
    within = CliRunner().invoke(app, [*arguments, "--allow-stale-prices", "--json"])
    over = tmp_path / "over.yaml"
    over.write_text(BASELINE.read_text() + "  claudefs-infra:dailyBudgetUsd: 80\n")
    arguments[5] = str(over)
    beyond = CliRunner().invoke(app, [*arguments, "--allow-stale-prices"])

    assert (within.exit_code, json.loads(within.stdout)["over_limit"]) == (0, False)
    assert beyond.exit_code == 1
    assert "over the limit of $80" in beyond.stdout
    assert "over the limit of $80" in file.read_text()


def test_a_stale_or_missing_price_is_an_error_that_names_it_and_its_repair(tmp_path: Path) -> None:
    late = date(2036, 1, 1)
    with pytest.raises(UserError, match=r"price of ec2/c7a\.2xlarge/on-demand in us-west-2 is of .*too old") as stale:
        estimate_environment("test", today=late, settings_file=BASELINE)
    with pytest.raises(UserError, match=r"c5\.metal/on-demand in us-west-2") as missing:
        estimate(tmp_path, orchestratorInstanceType="c5.metal")

    assert "cfs prices refresh --region us-west-2" in stale.value.repair
    assert "--allow-stale-prices" in stale.value.repair
    assert "--allow-stale-prices" not in missing.value.repair
    assert estimate_environment("test", today=late, settings_file=BASELINE, allow_stale=True).components


ORCHESTRATOR = "urn:pulumi:test::claudefs-infra::claudefs:index:Orchestrator$aws:ec2/instance:Instance::orchestrator"
GROUP = "urn:pulumi:test::claudefs-infra::claudefs:index:Cluster$aws:autoscaling/group:Group::storage-a"
START = "urn:pulumi:test::claudefs-infra::claudefs:index:Cluster$aws:autoscaling/schedule:Schedule::conduit-start"
NAT = "urn:pulumi:test::claudefs-infra::claudefs:index:Network$aws:ec2/natGateway:NatGateway::nat"
STACK = "urn:pulumi:test::claudefs-infra::pulumi:pulumi:Stack::claudefs-infra-test"


def group_inputs(count: int, *types: str) -> dict[str, Any]:
    overrides = [{"instanceType": name} for name in types]
    return {
        "tags": [{"key": "Nodes", "value": str(count)}],
        "mixedInstancesPolicy": {"launchTemplate": {"overrides": overrides}},
    }


@pytest.mark.parametrize(
    "step, difference",
    [
        ({"op": "update", "urn": ORCHESTRATOR, "oldState": {"inputs": {"instanceType": "c7a.xlarge"}}}, 24 * 0.20528),
        ({"op": "delete", "urn": NAT, "oldState": {"inputs": {}}}, None),
        ({"op": "update", "urn": GROUP, "oldState": {"inputs": group_inputs(2, "i4i.2xlarge")}}, None),
        (
            {
                "op": "replace",
                "urn": START,
                "oldState": {"inputs": {"recurrence": "0 10 * * 1-5"}},
                "newState": {"inputs": {"recurrence": "0 9 * * 1-5"}},
            },
            None,
        ),
        ({"op": "create", "urn": STACK, "newState": {"inputs": {}}}, "all"),
        ({"op": "same", "urn": ORCHESTRATOR, "oldState": {"inputs": {"instanceType": "c7a.xlarge"}}}, 0),
    ],
    ids=["larger orchestrator", "NAT gateway", "a node more", "an hour more", "everything", "nothing"],
)
def test_the_price_of_a_change_is_the_difference_between_after_and_before(
    step: dict[str, Any], difference: object
) -> None:
    priced = report(preview={"steps": [step]})
    change = cost_figures(priced)["change_usd"]
    if difference is None:
        assert change["difference"] != 0
    else:
        assert change["difference"] == pytest.approx(change["after"] if difference == "all" else difference, abs=0.001)
    assert f"| **total** | {change['before']:.2f} | {change['after']:.2f} |" in cost_markdown(priced)


def test_a_preview_in_which_a_node_is_added_costs_that_node_and_its_disk() -> None:
    step = {"op": "update", "urn": GROUP, "oldState": {"inputs": group_inputs(2, "i4i.2xlarge")}}
    priced = report(preview={"steps": [step]})
    components = cost_figures(priced)["per_day_usd"]["components"]

    change = cost_figures(priced)["change_usd"]["difference"]
    assert components["group storage-a"] / 3 < change < components["group storage-a"] / 3 + 0.1


def test_the_settings_of_a_preview_take_precedence_over_those_of_the_file() -> None:
    config = {**yaml.safe_load(BASELINE.read_text())["config"], "claudefs-infra:orchestratorInstanceType": "c7a.xlarge"}
    priced = report(
        preview={"config": {key: json.dumps(v) if not isinstance(v, str) else v for key, v in config.items()}}
    )

    assert cost_figures(priced)["per_day_usd"]["components"]["orchestrator"] == pytest.approx(24 * 0.20528, abs=0.001)


def test_an_unreadable_preview_and_an_unknown_environment_are_errors_with_repairs(tmp_path: Path) -> None:
    file = tmp_path / "preview.json"
    file.write_text("no JSON")
    for arguments in (["--environment", "prod", "--preview", str(file)], ["--environment", "nowhere"]):
        refused = CliRunner().invoke(app, ["cost", "estimate", *arguments])
        assert isinstance(refused.exception, UserError)
        assert refused.exception.repair


def test_the_figures_of_the_documentation_are_those_of_the_command() -> None:
    page = (PROJECT / "docs" / "costs.md").read_text()
    shown = estimate_environment("prod", today=TODAY)
    figures = cost_figures(shown)

    for part in shown.components:
        cost = part.cost
        assert f"| {part.name} | {cost.average:.2f} | {cost.running_day:.2f} | {cost.worst_day:.2f} |" in page
    for name in ("infrastructure", "agents", "total"):
        assert (
            f"| **{name}** | {figures['per_day_usd'][name]:.2f} | {figures['per_running_day_usd'][name]:.2f} |" in page
        )
    for lever in shown.levers:
        row = f"| {lever.name} | {lever.summary} | {'yes' if lever.is_applied else 'no'} | {lever.usd:.2f} |"
        assert row in page
    assert f"${TARGET_USD}" in page
    assert f"older than {MAX_PRICE_DAYS} days" in page
