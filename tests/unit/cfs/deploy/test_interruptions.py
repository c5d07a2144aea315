"""Interruptions at any time: the same command finishes the roll-out, and nodes and pointer agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cfs.deploy import rollout
from cfs.deploy.stages import STAGES_BY_KIND
from terminal.errors import UserError
from tests.unit.cfs.deploy.conftest import WIRE, Killed, MemoryAccount, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cfs.deploy.rollout import RollOutOutcome
    from cfs.deploy.stored_documents import ReleaseTarget

OLD, NEW = "v1.0.0", "v1.1.0"


CHANGES = frozenset({"s3:PutObject", "ssm:SendCommand"})
"""Calls that change something. A process that dies at another call leaves the same state as at the next of these."""


class Watch:
    """Observes every call, checks the invariants, and kills the process before one of the changing calls."""

    def __init__(self, world: World, *, kill_at: int | None = None) -> None:
        self._world = world
        self._kill_at = kill_at
        self._changes = 0
        self._dead = False
        self._told: set[str] = set()
        self.candidate: ReleaseTarget | None = None
        WIRE.before = self.before

    def revive(self, *, kill_at: int | None = None) -> None:
        """Start another process, which may die as well."""
        self._dead, self._changes, self._kill_at = False, 0, kill_at

    def before(self, operation: str, asked: dict[str, Any]) -> None:
        if self._dead:
            raise Killed
        self._changes += operation in CHANGES
        if self._changes == self._kill_at:
            self._dead = True
            raise Killed
        if operation == "ssm:SendCommand":
            self._check_command(asked)
        if operation == "s3:PutObject" and asked["Key"].endswith("/version.json"):
            self._check_pointer()

    def _check_command(self, asked: dict[str, Any]) -> None:
        """A stage begins only after the previous one is green on all of its living nodes."""
        if self.candidate is None or asked["Parameters"].get("ReleaseKey") != [self.candidate.release]:
            return
        work = self._world.record().roll_out
        assert work is not None
        assert set(asked["InstanceIds"]) <= set(work.touched) or work.state == "settling"
        # A roll-out that was returned, and killed before it recorded that, is repeated from the beginning.
        self._told &= set(work.touched)
        new = set(asked["InstanceIds"]) - self._told
        before = [node for node in self._world.account.living() if node.id in self._told - set(asked["InstanceIds"])]
        self._told |= set(asked["InstanceIds"])
        if not new or work.state != "rolling":
            return
        stages = STAGES_BY_KIND[work.kind]
        living = self._world.account.living()
        reached = sum(node.id in self._told for node in living)
        stage = next(number for number, of in enumerate(stages) if reached <= of.node_count(len(living)))
        # Terminated nodes may have left room for more nodes in a finished stage.
        assert len(work.stages_done) >= stage or reached <= stages[len(work.stages_done)].node_count(len(living))
        assert not [node for node in before if self._is_red(node.id)]

    def _is_red(self, node: str) -> bool:
        instance = self._world.account.instances[node]  # type: ignore[attr-defined]  # of the account in memory
        return instance.version != NEW or f"probe:{NEW}" in instance.faults

    def _check_pointer(self) -> None:
        """The pointer moves only to a release that has passed all stages."""
        work = self._world.record().roll_out
        assert work is not None
        assert work.state == "rolling"
        assert work.stages_done == tuple(stage.name for stage in STAGES_BY_KIND[work.kind])


def new_world() -> World:
    WIRE.reset()
    WIRE.memory = MemoryAccount()
    return World(WIRE.memory)


@pytest.fixture(autouse=True)
def quiet_wire() -> Iterator[None]:
    yield
    WIRE.reset()


def small_cluster(world: World) -> list[str]:
    return [*world.launch("storage", 3, site="A"), *world.launch("storage", site="B"), *world.launch("client")]


def succeeds(world: World) -> None:
    small_cluster(world)


def fails_at_the_canary(world: World) -> None:
    for node in small_cluster(world)[:3]:
        world.fault(node, f"probe:{NEW}")


def fails_at_half(world: World) -> None:
    world.fault(small_cluster(world)[4], f"install:{NEW}")


def loses_its_canary(world: World) -> None:
    for node in small_cluster(world)[:2]:
        world.fault(node, f"vanish:{NEW}")


SCENARIOS = [succeeds, fails_at_the_canary, fails_at_half, loses_its_canary]


def begin(scenario: Callable[[World], None], *, kill_at: int | None = None) -> tuple[World, Watch, ReleaseTarget]:
    world = new_world()
    world.runs(OLD)
    scenario(world)
    wanted = world.published(NEW)
    watching = Watch(world, kill_at=kill_at)
    watching.candidate = wanted
    return world, watching, wanted


def check_end(world: World, outcome: RollOutOutcome, *, scenario: Callable[[World], None]) -> None:
    failed = scenario in (fails_at_the_canary, fails_at_half)
    assert outcome.result == ("returned" if failed else "done")
    version = OLD if failed else NEW
    assert set(world.versions().values()) == {version} == {outcome.version}
    assert world.pointer().release == world.published(version).release
    record = world.record()
    assert (record.lease, record.roll_out) == (None, None)


def changes_of(scenario: Callable[[World], None]) -> int:
    world, _, wanted = begin(scenario)
    check_end(world, world.roll_out(wanted), scenario=scenario)
    changes = sum(call in CHANGES for call in WIRE.calls)
    assert changes > 20
    return changes


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_roll_out_killed_at_any_call_is_resumed_by_the_same_command(scenario: Callable[[World], None]) -> None:
    for kill_at in range(1, changes_of(scenario) + 1):
        world, watching, wanted = begin(scenario, kill_at=kill_at)
        with pytest.raises(Killed):
            world.roll_out(wanted)
        watching.revive()
        if world.record().lease is not None:
            with pytest.raises(UserError, match="somebody is deploying to test"):
                world.roll_out(wanted)
            world.until_the_lease_expires()
        done = world.record().last
        outcome = world.roll_out(wanted)
        if done is not None and done.outcome == "returned":
            # It died after the nodes had been returned: the same command tried again, with the same result.
            assert scenario in (fails_at_the_canary, fails_at_half)
        if outcome.result == "unchanged":
            assert done is not None
            assert done.outcome == "done"
            assert set(world.versions().values()) == {NEW}
            continue
        check_end(world, outcome, scenario=scenario)


@pytest.mark.parametrize("scenario", [succeeds, fails_at_half])
def test_a_roll_out_killed_at_any_call_can_be_rolled_back(scenario: Callable[[World], None]) -> None:
    for kill_at in range(1, changes_of(scenario) + 1):
        world, watching, wanted = begin(scenario, kill_at=kill_at)
        with pytest.raises(Killed):
            world.roll_out(wanted)
        watching.revive()
        world.until_the_lease_expires()
        if world.record().roll_out is None and world.pointer().previous is None:
            continue
        outcome = world.roll_back()
        assert outcome.version == OLD
        assert set(world.versions().values()) == {OLD}
        assert world.pointer().release == world.published(OLD).release
        assert world.record().roll_out is None


FAULTS = st.sampled_from(["", "", "", f"probe:{NEW}", f"install:{NEW}", f"vanish:{NEW}", f"vanish:{OLD}"])
GROUPS = st.tuples(st.integers(1, 4), st.integers(0, 3), st.integers(0, 4))
EVENTS = st.lists(
    st.tuples(st.integers(0, 900), st.sampled_from(["terminate", "launch", "boot", "heal"]), st.integers(0, 30)),
    max_size=6,
)


@given(
    groups=GROUPS,
    faults=st.lists(FAULTS, min_size=11, max_size=11),
    kills=st.lists(st.integers(1, 40), max_size=4),
    events=EVENTS,
)
@example(
    groups=(1, 1, 1),
    faults=[f"vanish:{OLD}", "", f"probe:{NEW}"],
    kills=[8, 35],
    events=[],
)
def test_any_history_of_failures_ends_with_one_version_that_the_pointer_names(
    *,
    groups: tuple[int, int, int],
    faults: list[str],
    kills: list[int],
    events: list[tuple[int, str, int]],
) -> None:
    world = new_world()
    world.runs(OLD)
    nodes = [
        *world.launch("storage", groups[0], site="A"),
        *(world.launch("storage", groups[1], site="B") if groups[1] else []),
        *(world.launch("client", groups[2]) if groups[2] else []),
    ]
    for node, fault in zip(nodes, faults, strict=False):
        world.fault(node, fault)
    schedule(world, events)
    wanted = world.published(NEW)
    watching = Watch(world, kill_at=kills[0] if kills else None)
    watching.candidate = wanted
    outcome = until_it_ends(world, wanted, watching, kills=kills[1:])
    if outcome is None:
        # No node was left to verify the release on.
        assert not [node for node in world.account.living() if node.is_ready]
        return
    settled = {node.version for node in world.account.living() if node.is_ready}
    if outcome.result in ("done", "unchanged"):
        assert settled <= {NEW}
        assert world.pointer().release == wanted.release
    else:
        assert outcome.result == "returned"
        assert settled <= {OLD}
        assert world.pointer().release != wanted.release
    assert world.record().roll_out is None


def schedule(world: World, events: list[tuple[int, str, int]]) -> None:
    """Launch, terminate, boot and heal nodes at the given times, in seconds."""
    began = world.clock.now()
    waiting = sorted(events)
    booting: list[tuple[str, str]] = []

    def happen(now: Any) -> None:
        while waiting and (now - began).total_seconds() >= waiting[0][0]:
            _, what, which = waiting.pop(0)
            living = [node for node in world.account.living() if node.is_ready]
            if what == "terminate" and len(living) > 1:
                world.terminate(living[which % len(living)].id)
            if what == "launch":
                pointed = OLD if world.pointer().release == world.published(OLD).release else NEW
                booting.append((world.launch("client", fault="boot")[0], pointed))
            if what == "heal" and living:
                world.fault(living[which % len(living)].id, "")
            if what == "boot" and booting:
                world.booted(*booting.pop(0))
        if not waiting:
            while booting:
                world.booted(*booting.pop(0))

    world.clock.alarms.append(happen)


def until_it_ends(world: World, wanted: ReleaseTarget, watching: Watch, *, kills: list[int]) -> RollOutOutcome | None:
    """Repeat the command until it is finished, as an operator does; return None if no node is left."""
    for _ in range(12):
        try:
            outcome = rollout.run_roll_out(world.means(), wanted=wanted)
        except Killed:
            watching.revive(kill_at=kills.pop(0) if kills else None)
            world.until_the_lease_expires()
            continue
        except UserError as error:
            if "No node of test runs" in error.problem:
                return None
            assert "would lose their quorum" in error.problem  # noqa: PT017 — what the operator waits for
            watching.revive()
            continue
        if outcome.result != "unsettled":
            return outcome
        watching.revive()
    raise AssertionError("it does not end")
