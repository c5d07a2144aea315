"""The plan makes the account what the decision says, once, and restores what the guard changed, and nothing more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from guard.decision import GuardDecision, Situation, decide_restraints
from guard.groups import ScalingGroup
from guard.instances import Instance
from guard.ladder import DEFAULT_LADDER, Ladder
from guard.plan import (
    AccountView,
    Action,
    ResumeProcesses,
    SetAgents,
    SetSizes,
    SuspendProcesses,
    SwitchOrchestrator,
    TerminateInstances,
    plan_actions,
    release_held,
)
from guard.records import HeldChanges, decode_held, encode_held

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW = datetime(2026, 11, 26, 14, tzinfo=UTC)
STOPS = Ladder(percentages=DEFAULT_LADDER.percentages, may_stop_orchestrator=True)


def decision_at(percent: int) -> GuardDecision:
    return decide_restraints(Situation(at=NOW, spent_usd=Decimal(percent), budget_usd=Decimal(100), ladder=STOPS))


def instance(identifier: str, *, role: str = "storage", state: str = "running") -> Instance:
    return Instance(
        id=identifier,
        role=role,
        state=state,
        instance_type="i4i.2xlarge",
        zone="us-west-2a",
        is_spot=True,
        has_public_ip=False,
        launched=NOW,
        ended=None,
    )


ACCOUNT = AccountView(
    groups=(
        ScalingGroup(name="a", sizes=(0, 3, 3), suspended=frozenset({"AZRebalance"}), nodes=3),
        ScalingGroup(name="b", sizes=(1, 5, 2), nodes=5),
        ScalingGroup(name="idle", sizes=(0, 4, 0), nodes=4),
    ),
    instances=(instance("i-1"), instance("i-2"), instance("i-0", role="orchestrator")),
    agents="normal",
    orchestrator_id="i-0",
)


def carry_out(account: AccountView, actions: Iterable[Action]) -> AccountView:
    """The account after changes that succeed."""
    for action in actions:
        match action:
            case SetAgents(mode=mode):
                account = replace(account, agents=mode)
            case TerminateInstances(ids=ids):
                account = _set_states(account, ids, "terminated")
            case SwitchOrchestrator(id=identifier, starts=starts):
                account = _set_states(account, (identifier,), "running" if starts else "stopped")
            case SuspendProcesses() | ResumeProcesses() | SetSizes():
                groups = tuple(_change_group(group, action) for group in account.groups or ())
                account = replace(account, groups=groups)
    return account


def _set_states(account: AccountView, ids: Iterable[str], state: str) -> AccountView:
    changed = set(ids)
    states = (replace(each, state=state) if each.id in changed else each for each in account.instances)
    return replace(account, instances=tuple(states))


def _change_group(group: ScalingGroup, action: SuspendProcesses | ResumeProcesses | SetSizes) -> ScalingGroup:
    if group.name != action.group:
        return group
    if isinstance(action, SetSizes):
        return replace(group, sizes=action.sizes)
    if isinstance(action, SuspendProcesses):
        return replace(group, suspended=group.suspended | action.processes)
    return replace(group, suspended=group.suspended - action.processes)


def run_tick(
    percent: int, account: AccountView, held: HeldChanges
) -> tuple[tuple[Action, ...], AccountView, HeldChanges]:
    """One tick whose changes succeed, with the ledger's item written and read."""
    plan = plan_actions(decision_at(percent), account, held)
    after = release_held(plan.held, plan.actions)
    return plan.actions, carry_out(account, plan.actions), decode_held(encode_held(after))


groups = st.builds(
    ScalingGroup,
    name=st.sampled_from(["a", "b", "c"]),
    sizes=st.tuples(st.integers(0, 2), st.integers(3, 9), st.integers(2, 3)) | st.just((0, 0, 0)),
    suspended=st.frozensets(st.sampled_from(["Launch", "ScheduledActions", "AZRebalance"])),
    nodes=st.none() | st.integers(3, 9),
)
accounts = st.builds(
    AccountView,
    groups=st.lists(groups, max_size=3, unique_by=lambda group: group.name).map(tuple),
    instances=st.lists(
        st.builds(
            instance,
            st.sampled_from(["i-1", "i-2", "i-3"]),
            state=st.sampled_from(["pending", "running", "shutting-down", "terminated", "stopped"]),
        ),
        unique_by=lambda each: each.id,
    ).map(lambda nodes: (*nodes, instance("i-0", role="orchestrator"))),
    agents=st.sampled_from(["normal", "economy", "paused"]),
    orchestrator_id=st.just("i-0"),
)


@given(accounts, st.lists(st.integers(0, 140), min_size=1, max_size=5).map(sorted))
def test_the_same_state_twice_gives_no_second_effect(account: AccountView, shares: list[int]) -> None:
    held = HeldChanges()
    for percent in shares:
        _, account, held = run_tick(percent, account, held)
        actions, again, same = run_tick(percent, account, held)
        assert (actions, again, same) == ((), account, held)


@given(accounts, st.lists(st.integers(0, 140), min_size=1, max_size=5))
def test_the_next_day_has_what_the_guard_changed_as_it_was(account: AccountView, shares: list[int]) -> None:
    before, held = account, HeldChanges()
    for percent in shares:
        _, account, held = run_tick(percent, account, held)
    _, account, held = run_tick(0, account, held)
    assert held.is_empty
    assert (account.groups, account.agents) == (before.groups, before.agents)
    assert account.instances[-1] == before.instances[-1]


def test_over_the_limit_groups_go_to_zero_before_instances_are_terminated() -> None:
    actions, account, _ = run_tick(100, ACCOUNT, HeldChanges())
    assert [group.sizes for group in account.groups or ()] == [(0, 0, 0)] * 3
    assert all({"Launch", "ScheduledActions"} <= group.suspended for group in account.groups or ())
    assert isinstance(actions[-1], TerminateInstances)
    assert actions[-1].ids == ("i-1", "i-2")


def test_a_group_gets_no_more_nodes_back_than_it_should_have_and_none_outside_its_hours() -> None:
    runaway = replace(
        ACCOUNT,
        groups=(
            ScalingGroup(name="a", sizes=(0, 200, 200), nodes=3),
            ScalingGroup(name="closed", sizes=(2, 4, 4), nodes=4),
        ),
    )
    _, account, held = run_tick(100, runaway, HeldChanges())
    closed = tuple(replace(group, is_open=group.name != "closed") for group in account.groups or ())
    _, account, _ = run_tick(0, replace(account, groups=closed), held)
    assert [group.sizes for group in account.groups or ()] == [(0, 200, 3), (0, 4, 0)]


def test_what_a_person_has_changed_meanwhile_stays() -> None:
    _, account, held = run_tick(120, ACCOUNT, HeldChanges())
    by_hand = tuple(replace(group, sizes=(0, 1, 1)) if group.name == "a" else group for group in account.groups or ())
    account = _set_states(replace(account, groups=by_hand, agents="economy"), ("i-0",), "running")
    actions, account, held = run_tick(0, account, held)
    assert account.agents == "economy"
    assert (account.groups or ())[0].sizes == (0, 1, 1)
    assert not any(isinstance(action, SetAgents | SwitchOrchestrator) for action in actions)
    assert held.is_empty


def test_agents_that_a_person_has_paused_do_not_go_to_the_cheaper_model() -> None:
    actions, _, held = run_tick(80, replace(ACCOUNT, agents="paused"), HeldChanges())
    assert (actions, held) == ((), HeldChanges())


def test_what_could_not_be_restored_is_kept_for_the_next_tick() -> None:
    _, account, held = run_tick(100, ACCOUNT, HeldChanges())
    plan = plan_actions(decision_at(0), account, held)
    assert release_held(plan.held, ()) == held
    assert plan_actions(decision_at(0), replace(account, groups=None, agents=None), held).held == held
