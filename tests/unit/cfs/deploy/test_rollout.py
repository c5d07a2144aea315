"""A roll-out reaches every node stage by stage, or leaves every node at the previous version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cfs.deploy import rollout
from cfs.deploy.stored_documents import PointedRelease, version_key
from terminal.errors import UserError
from tests.unit.cfs.deploy.conftest import ENVIRONMENT

if TYPE_CHECKING:
    from datetime import datetime

    from tests.unit.cfs.deploy.conftest import Wire, World


def installs(wire: Wire, into: list[tuple[str, tuple[str, ...]]]) -> None:
    """Note which nodes are told to install which release, in order."""

    def note(operation: str, asked: dict[str, Any]) -> None:
        if operation == "ssm:SendCommand" and asked["DocumentName"].endswith("-install"):
            into.append((asked["Parameters"]["ReleaseKey"][0], tuple(asked["InstanceIds"])))

    wire.before = note


def test_a_release_reaches_every_node_and_then_the_pointer(world: World) -> None:
    old, new = world.runs("v1.0.0"), world.published("v1.1.0")
    nodes = world.cluster()
    outcome = world.roll_out(new, soak=60)
    assert (outcome.result, outcome.version, outcome.nodes, rollout.roll_out_exit_code(outcome)) == (
        "done",
        "v1.1.0",
        9,
        0,
    )
    assert world.versions() == dict.fromkeys(nodes, "v1.1.0")
    pointer = world.pointer()
    assert (pointer.release, pointer.sha256, pointer.previous) == (new.release, new.sha256, old.as_pointed)
    record = world.record()
    assert (record.lease, record.roll_out) == (None, None)
    assert record.last is not None
    assert record.last.outcome == "done"


def test_one_storage_node_comes_first_then_half_then_all(world: World, wire: Wire) -> None:
    world.runs("v1.0.0")
    nodes = world.cluster()
    sent: list[tuple[str, tuple[str, ...]]] = []
    installs(wire, sent)
    world.roll_out(world.published("v1.1.0"))
    told = [ids for _, ids in sent]
    assert len(told[0]) == 1
    assert told[0][0] in nodes[:3]
    assert sum(map(len, told[:2])) == 5
    assert not set(told[1]) & set(nodes[:5])
    # No two storage nodes of site B, and none of site A, are down together.
    for together in told:
        assert len(set(together) & set(nodes[:3])) <= 1
        assert len(set(together) & set(nodes[3:5])) <= 1
    assert sorted(node for ids in told for node in ids) == sorted(nodes)


def test_each_stage_is_watched_before_the_next_begins(world: World) -> None:
    world.runs("v1.0.0")
    world.cluster()
    began = world.clock.now()
    world.roll_out(world.published("v1.1.0"), soak=600)
    assert (world.clock.now() - began).total_seconds() >= 4 * 600


def test_the_first_release_of_an_environment_reaches_its_nodes(world: World) -> None:
    nodes = world.launch("storage", 1, site="A")
    assert world.versions() == dict.fromkeys(nodes, "none")
    assert world.roll_out(world.published("v1.0.0")).result == "done"
    pointer = world.pointer()
    assert pointer.previous is None
    assert world.versions() == dict.fromkeys(nodes, "v1.0.0")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_small_clusters_are_installed_one_storage_node_at_a_time(world: World, wire: Wire, count: int) -> None:
    world.runs("v1.0.0")
    world.launch("storage", count, site="A")
    sent: list[tuple[str, tuple[str, ...]]] = []
    installs(wire, sent)
    assert world.roll_out(world.published("v1.1.0")).nodes == count
    assert [len(ids) for _, ids in sent] == [1] * count


def test_the_same_release_again_changes_nothing(world: World, wire: Wire) -> None:
    target = world.runs("v1.0.0")
    world.cluster()
    sent: list[tuple[str, tuple[str, ...]]] = []
    installs(wire, sent)
    assert world.roll_out(target).result == "unchanged"
    assert sent == []


def test_the_same_release_again_repairs_a_node_that_does_not_run_it(world: World) -> None:
    target = world.runs("v1.0.0")
    nodes = world.cluster()
    world.account.tag(nodes[4], {"Version": "v0.9.0"})
    assert world.roll_out(target).result == "done"
    assert world.versions() == dict.fromkeys(nodes, "v1.0.0")


@pytest.mark.parametrize("fault", ["probe:v1.1.0", "install:v1.1.0"])
def test_a_failed_canary_is_rolled_back_and_no_other_node_is_touched(world: World, wire: Wire, fault: str) -> None:
    old, new = world.runs("v1.0.0"), world.published("v1.1.0")
    nodes = world.cluster()
    for node in nodes[:3]:
        world.fault(node, fault)
    sent: list[tuple[str, tuple[str, ...]]] = []
    installs(wire, sent)
    outcome = world.roll_out(new)
    assert (outcome.result, outcome.version, rollout.roll_out_exit_code(outcome)) == ("returned", "v1.0.0", 3)
    assert outcome.reason.startswith("stage canary: i-")
    assert [key for key, _ in sent] == [new.release, old.release]
    assert len({ids for _, ids in sent}) == 1
    assert set(world.versions().values()) == {"v1.0.0"}
    pointer = world.pointer()
    assert pointer.release == old.release
    last = world.record().last
    assert last is not None
    assert (last.outcome, last.reason) == ("returned", outcome.reason)


def test_a_failure_at_half_rolls_every_node_back(world: World) -> None:
    world.runs("v1.0.0")
    nodes = world.cluster()
    world.fault(nodes[5], "probe:v1.1.0")
    outcome = world.roll_out(world.published("v1.1.0"))
    assert outcome.result == "returned"
    assert outcome.reason == f"stage 50%: {nodes[5]}: Failed: wrong: the management API is not ready"
    assert world.versions() == dict.fromkeys(nodes, "v1.0.0")


def test_a_node_that_turns_red_while_its_stage_is_watched_fails_the_stage(world: World) -> None:
    world.runs("v1.0.0")
    nodes = world.cluster()

    def later(now: datetime) -> None:
        if (now - began).total_seconds() >= 100:
            for node in nodes:
                world.fault(node, "probe:v1.1.0")

    began = world.clock.now()
    world.clock.alarms.append(later)
    outcome = world.roll_out(world.published("v1.1.0"), soak=300)
    assert outcome.result == "returned"
    assert outcome.reason.startswith("stage canary")


def test_a_probe_that_turns_green_in_time_is_not_a_failure(world: World) -> None:
    world.runs("v1.0.0")
    (node,) = world.launch("storage", site="A", fault="probe:v1.1.0")

    def later(now: datetime) -> None:
        if (now - began).total_seconds() >= 100:
            world.fault(node, "")

    began = world.clock.now()
    world.clock.alarms.append(later)
    assert world.roll_out(world.published("v1.1.0")).result == "done"


def test_a_failed_first_release_leaves_stopped_nodes_and_no_pointer(world: World) -> None:
    (node,) = world.launch("storage", 1, site="A", fault="probe:v1.0.0")
    outcome = world.roll_out(world.published("v1.0.0"))
    assert (outcome.result, outcome.version) == ("returned", "")
    assert (
        "stopped, since there was no release before" in rollout.roll_out_result(outcome, environment=ENVIRONMENT).text
    )
    assert world.account.read(version_key(ENVIRONMENT)) is None
    world.fault(node, "")
    answer = world.means().commands.run_on_nodes("probe", {"ExpectedVersion": "v1.0.0"}, [node], seconds=60)
    assert "inactive" in answer[node].detail


def test_a_release_that_failed_can_be_tried_again_from_the_canary(world: World) -> None:
    world.runs("v1.0.0")
    (node,) = world.launch("storage", 1, site="A", fault="probe:v1.1.0")
    new = world.published("v1.1.0")
    assert world.roll_out(new).result == "returned"
    world.fault(node, "")
    assert world.roll_out(new).result == "done"


def test_a_canary_that_vanishes_is_replaced_by_another(world: World) -> None:
    world.runs("v1.0.0")
    nodes = world.cluster()
    world.fault(nodes[0], "vanish:v1.1.0")
    world.fault(nodes[1], "vanish:v1.1.0")
    outcome = world.roll_out(world.published("v1.1.0"))
    assert outcome.result == "done"
    assert set(world.versions()) <= set(nodes)
    assert set(world.versions().values()) == {"v1.1.0"}


def test_a_node_that_drains_before_its_termination_is_not_a_failure(world: World) -> None:
    """A spot node drains first, and is red for up to two minutes before its termination."""
    world.runs("v1.0.0")
    nodes = world.cluster()
    for node in nodes[:5]:
        world.fault(node, "probe:v1.1.0")
    began = world.clock.now()

    def later(now: datetime) -> None:
        if (now - began).total_seconds() >= 120:
            for node in nodes[:5]:
                world.terminate(node)

    world.clock.alarms.append(later)
    assert world.roll_out(world.published("v1.1.0")).result == "done"
    assert world.versions() == dict.fromkeys(nodes[5:], "v1.1.0")


def test_a_node_that_booted_with_the_old_pointer_gets_the_release(world: World) -> None:
    world.runs("v1.0.0")
    world.cluster()
    late: list[str] = []
    began = world.clock.now()

    def replacement(now: datetime) -> None:
        if not late:
            late.extend(world.launch("storage", site="A", fault="boot"))
        # It has read the old pointer, and becomes ready after the pointer has moved.
        elif (now - began).total_seconds() >= 700:
            world.booted(late[0], "v1.0.0")
            world.clock.alarms.clear()

    world.clock.alarms.append(replacement)
    outcome = world.roll_out(world.published("v1.1.0"), soak=60)
    assert outcome.result == "done"
    assert world.versions()[late[0]] == "v1.1.0"
    assert set(world.versions().values()) == {"v1.1.0"}


def test_a_node_that_never_boots_leaves_the_roll_out_unsettled_and_the_same_command_finishes_it(world: World) -> None:
    world.runs("v1.0.0")
    world.launch("client", 2)
    (stuck,) = world.launch("client", fault="boot")
    new = world.published("v1.1.0")
    outcome = world.roll_out(new)
    assert (outcome.result, outcome.red_nodes, rollout.roll_out_exit_code(outcome)) == (
        "unsettled",
        {stuck: "booting"},
        4,
    )
    world.terminate(stuck)
    assert world.roll_out(new).result == "done"
    assert world.record().roll_out is None


def test_a_site_that_waits_for_a_voter_to_boot_is_not_installed_further(world: World) -> None:
    world.runs("v1.0.0")
    nodes = world.launch("storage", 2, site="A")
    (booting,) = world.launch("storage", site="A", fault="boot")
    new = world.published("v1.1.0")
    with pytest.raises(UserError, match=f"Without {booting} .* would lose their quorum"):
        world.roll_out(new)
    assert world.versions() == {**dict.fromkeys(nodes, "v1.0.0"), booting: ""}
    world.booted(booting, "v1.0.0")
    assert world.roll_out(new).result == "done"


def test_a_node_that_systems_manager_does_not_reach_fails_the_stage_and_says_so(world: World) -> None:
    world.runs("v1.0.0")
    world.launch("storage", site="A", fault="unreachable")
    outcome = world.roll_out(world.published("v1.1.0"))
    # It cannot be told to return either.
    assert (outcome.result, rollout.roll_out_exit_code(outcome)) == ("unsettled", 4)
    assert "Systems Manager does not reach it" in next(iter(outcome.red_nodes.values()))


def test_without_a_node_the_roll_out_is_refused_and_the_pointer_stays(world: World) -> None:
    old = world.runs("v1.0.0")
    with pytest.raises(UserError, match="No node of test runs"):
        world.roll_out(world.published("v1.1.0"))
    pointer = world.pointer()
    assert pointer.release == old.release
    assert world.record().roll_out is None


def test_another_release_waits_for_the_unfinished_one(world: World, wire: Wire) -> None:
    world.runs("v1.0.0")
    nodes = world.cluster()
    interrupt_at(wire, "ssm:SendCommand")
    with pytest.raises(KeyboardInterrupt):
        world.roll_out(world.published("v1.1.0"))
    wire.before = None
    assert world.record().lease is None
    with pytest.raises(UserError, match=r"v1\.1\.0 to test is not finished: v1\.2\.0 cannot begin") as raised:
        world.roll_out(world.published("v1.2.0"))
    assert "cfs deploy roll-back --environment test" in raised.value.repair
    outcome = world.roll_back()
    assert (outcome.result, outcome.is_as_asked, rollout.roll_out_exit_code(outcome)) == ("returned", True, 0)
    assert world.versions() == dict.fromkeys(nodes, "v1.0.0")
    assert world.roll_out(world.published("v1.2.0")).result == "done"


def interrupt_at(wire: Wire, at: str) -> None:
    def interrupt(operation: str, _: dict[str, Any]) -> None:
        if operation == at:
            wire.before = None
            raise KeyboardInterrupt

    wire.before = interrupt


def test_two_releases_of_one_version_are_refused(world: World) -> None:
    world.runs("v1.0.0")
    world.cluster()
    twin = world.published("v1.0.0").model_copy(update={"release": f"releases/{'a' * 40}/release.json"})
    with pytest.raises(UserError, match="no probe could tell them apart") as raised:
        world.roll_out(twin)
    assert "v1.0.0-3-gaaaaaaa" in raised.value.repair


def test_a_pointer_that_somebody_else_has_moved_stops_the_roll_out(world: World, wire: Wire) -> None:
    world.runs("v1.0.0")
    world.cluster()
    new = world.published("v1.1.0")
    interrupt_at(wire, "ssm:SendCommand")
    with pytest.raises(KeyboardInterrupt):
        world.roll_out(new)
    world.runs("v1.0.5")
    with pytest.raises(UserError, match=r"moved the pointer of test to v1\.0\.5 since the roll-out of v1\.1\.0 began"):
        world.roll_out(new)
    assert world.roll_back().result == "returned"
    assert sorted(world.versions().values()) == [*["v1.0.0"] * 8, "v1.0.5"]


def test_a_roll_back_reaches_all_nodes_and_a_second_one_does_not_return_to_the_release(world: World) -> None:
    old = world.runs("v1.0.0")
    nodes = world.cluster()
    world.roll_out(world.published("v1.1.0"))
    outcome = world.roll_back()
    assert (outcome.result, outcome.kind, outcome.version) == ("done", "roll-back", "v1.0.0")
    assert world.versions() == dict.fromkeys(nodes, "v1.0.0")
    pointer = world.pointer()
    assert (PointedRelease(release=pointer.release, sha256=pointer.sha256), pointer.previous) == (old.as_pointed, None)
    with pytest.raises(UserError, match=r"no version to go back to: only v1\.0\.0 was deployed"):
        world.roll_back()


def test_a_roll_back_stops_if_the_previous_version_does_not_start_on_its_first_node(world: World) -> None:
    world.runs("v1.0.0")
    nodes = world.cluster()
    world.roll_out(world.published("v1.1.0"))
    for node in nodes[:3]:
        world.fault(node, "probe:v1.0.0")
    outcome = world.roll_back()
    assert (outcome.result, outcome.is_as_asked, outcome.version) == ("returned", False, "v1.1.0")
    assert rollout.roll_out_exit_code(outcome) == 3
    assert world.versions() == dict.fromkeys(nodes, "v1.1.0")


def test_a_roll_back_before_the_first_release_is_refused(world: World) -> None:
    world.launch("storage", site="A")
    with pytest.raises(UserError, match="no release was deployed to test"):
        world.roll_back()


def test_commands_are_sent_to_50_nodes_at_a_time(world: World, wire: Wire) -> None:
    world.runs("v1.0.0")
    world.launch("client", 120)
    sent: list[tuple[str, tuple[str, ...]]] = []
    installs(wire, sent)
    assert world.roll_out(world.published("v1.1.0")).nodes == 120
    assert max(len(ids) for _, ids in sent) == 50
    assert len({node for _, ids in sent for node in ids}) == 120


def test_a_node_that_the_release_makes_unready_counts_as_failed_and_not_as_gone(world: World) -> None:
    world.runs("v1.0.0")
    nodes = world.cluster()
    for node in nodes[:3]:
        world.fault(node, "probe:v1.1.0")

    def unready(_: datetime) -> None:
        for node, version in world.versions().items():
            if version == "v1.1.0":
                world.account.tag(node, {"BootState": "failed:release"})

    world.clock.alarms.append(unready)
    assert world.roll_out(world.published("v1.1.0")).result == "returned"
    assert world.versions() == dict.fromkeys(nodes, "v1.0.0")
