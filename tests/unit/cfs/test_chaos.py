"""When kills happen, what counts as a failure, and how it is reported."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from measure import chaos
from measure.convergence import state_problems, take_snapshot
from measure.kill_plan import LATEST_SHARE, KillPhase, PlannedKill, plan_kills

if TYPE_CHECKING:
    from pathlib import Path

VPC = "urn:pulumi:local::p::aws:ec2/vpc:Vpc::vpc"
SUBNET = "urn:pulumi:local::p::aws:ec2/subnet:Subnet::subnet"


def outcome(*problems: str, seconds: float = 2.0) -> chaos.KillOutcome:
    return chaos.KillOutcome(
        kill=PlannedKill(number=1, phase=KillPhase.CREATE, share=0.5, with_command=True),
        seconds=11.25,
        in_flight=["vpc (creating)"],
        recorded_before=20,
        recorded_after=35,
        adopted=1,
        orphans=0,
        survivors=3,
        converge_seconds=seconds,
        problems=problems,
    )


def test_the_same_seed_kills_at_the_same_moments() -> None:
    assert plan_kills(20, seed=7) == plan_kills(20, seed=7)
    assert plan_kills(20, seed=7) != plan_kills(20, seed=8)


@pytest.mark.parametrize("seed", range(20))
def test_kills_are_spread_over_the_whole_run(seed: int) -> None:
    kills = plan_kills(20, seed=seed)
    for phase, count in ((KillPhase.CREATE, 16), (KillPhase.UPDATE, 4)):
        shares = sorted(kill.share for kill in kills if kill.phase is phase)
        assert len(shares) == count
        for part, share in enumerate(shares):
            assert LATEST_SHARE * part / count <= share <= LATEST_SHARE * (part + 1) / count


def test_some_kills_kill_the_command_together_with_its_engine() -> None:
    assert [kill.number for kill in plan_kills(10, seed=1) if kill.with_command] == [3, 6, 9]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_plan_has_as_many_kills_as_wanted(count: int) -> None:
    assert [kill.number for kill in plan_kills(count, seed=1)] == list(range(1, count + 1))


def test_a_snapshot_names_what_was_in_flight() -> None:
    snapshot = take_snapshot(
        {
            "resources": [{"urn": VPC}, {"urn": VPC, "delete": True}],
            "pending_operations": [{"type": "creating", "resource": {"urn": SUBNET}}],
        }
    )
    assert snapshot.urns == {VPC}
    assert snapshot.in_flight == ["subnet (creating)"]
    assert snapshot.unfinished == [VPC]


def test_an_empty_deployment_is_an_empty_snapshot() -> None:
    assert take_snapshot({}) == take_snapshot({"resources": None, "pending_operations": None})


def test_a_state_without_losses_and_pending_operations_has_no_problem() -> None:
    before = take_snapshot({"resources": [{"urn": VPC}]})
    assert state_problems(before, take_snapshot({"resources": [{"urn": VPC}, {"urn": SUBNET}]})) == []


def test_lost_resources_and_unfinished_operations_are_problems() -> None:
    before = take_snapshot({"resources": [{"urn": VPC}]})
    after = take_snapshot(
        {
            "resources": [{"urn": SUBNET, "delete": True}],
            "pending_operations": [{"type": "deleting", "resource": {"urn": SUBNET}}],
        }
    )
    assert state_problems(before, after) == [
        f"lost from the state: {VPC}",
        "still pending: subnet (deleting)",
        f"still to be deleted: {SUBNET}",
    ]


def test_a_report_has_a_row_for_each_kill_and_totals() -> None:
    report = chaos.chaos_report([outcome(), outcome("lock left: x", seconds=4.0)], seed=3)
    assert report.exit_code == 1
    assert report.table is not None
    assert [row[-1] for row in report.table.rows] == ["ok", "FAILED"]
    assert report.table.rows[0][2:6] == ("engine, cfs", "11.2 s", "vpc (creating)", "20 → 35")
    assert report.notes[0].startswith("1 of 2 converged, in 3.0 s (median), 4.0 s (longest)")
    assert report.notes[1:] == ["kill 1: lock left: x"]
    figures = json.loads(json.dumps(report.figures))
    assert figures["totals"]["failed"] == 1
    assert figures["kills"][0]["inFlight"] == ["vpc (creating)"]


def test_settings_are_changed_and_the_others_kept(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("config:\n  a: 1\n  b: 2\nencryptionsalt: salt\n")
    chaos.change_settings(path, {"b": "3"})
    assert yaml.safe_load(path.read_text()) == {"config": {"a": 1, "b": "3"}, "encryptionsalt": "salt"}
