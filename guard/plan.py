"""The plan: which changes of the account make it what the decision says, and what must be restored later. Pure.

It compares with the account as it is, so a second tick in the same state plans nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from guard.decision import AgentsMode, GuardDecision
from guard.groups import LAUNCH, NO_SIZES, SCHEDULED_ACTIONS, ScalingGroup
from guard.instances import ORCHESTRATOR_ROLE, Instance
from guard.records import HeldChanges, HeldGroup

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_COSTLY_STATES = frozenset({"pending", "running", "stopping"})
_UP_STATES = frozenset({"pending", "running"})
_STRICTNESS = {AgentsMode.NORMAL.value: 0, AgentsMode.ECONOMY.value: 1, AgentsMode.PAUSED.value: 2}


@dataclass(frozen=True, kw_only=True)
class SetAgents:
    """Set the agents' mode."""

    mode: str


@dataclass(frozen=True, kw_only=True)
class SuspendProcesses:
    """Suspend processes of a group."""

    group: str
    processes: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class SetSizes:
    """Set a group's minimum, maximum and desired capacity, from what it was."""

    group: str
    sizes: tuple[int, int, int]
    before: tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class ResumeProcesses:
    """Resume processes of a group that the guard has suspended."""

    group: str
    processes: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class TerminateInstances:
    """Terminate instances."""

    ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SwitchOrchestrator:
    """Stop the agents' machine, or start it again."""

    id: str
    starts: bool


Action = SetAgents | SuspendProcesses | SetSizes | ResumeProcesses | TerminateInstances | SwitchOrchestrator


@dataclass(frozen=True, kw_only=True)
class AccountView:
    """What the account is like.

    Attributes:
        groups: The environment's groups; None if they could not be read.
        instances: Its instances.
        agents: The agents' mode; None if it could not be read, or nobody asked.
        orchestrator_id: The orchestrator's instance ID, or "".
    """

    groups: tuple[ScalingGroup, ...] | None
    instances: tuple[Instance, ...]
    agents: str | None
    orchestrator_id: str

    def is_orchestrator(self, instance: Instance) -> bool:
        """Return whether an instance is the agents' machine."""
        return instance.id == self.orchestrator_id or instance.role == ORCHESTRATOR_ROLE


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to do.

    Attributes:
        actions: Changes, in order.
        held: What must be restored later, written before the changes; what they release is still among it.
    """

    actions: tuple[Action, ...]
    held: HeldChanges


def plan_actions(decision: GuardDecision, account: AccountView, held: HeldChanges) -> Plan:
    """Plan what makes the account what the decision says."""
    agents, held = _plan_agents(decision, account, held)
    groups, held = _plan_groups(decision, account, held)
    orchestrator, held = _plan_orchestrator(decision, account, held)
    doomed = doomed_instances(account) if decision.stops_cluster else ()
    terminate = (TerminateInstances(ids=doomed),) if doomed else ()
    # Groups first: else they would replace what is terminated.
    return Plan(actions=(*agents, *groups, *terminate, *orchestrator), held=held)


def doomed_instances(account: AccountView) -> tuple[str, ...]:
    """Return the instances that cost money, all but the orchestrator."""
    return tuple(
        each.id for each in account.instances if each.state in _COSTLY_STATES and not account.is_orchestrator(each)
    )


def release_held(held: HeldChanges, done: Iterable[Action]) -> HeldChanges:
    """Return what must still be restored after changes that succeeded."""
    groups = dict(held.groups)
    for action in done:
        if isinstance(action, SetSizes) and action.sizes != NO_SIZES and action.group in groups:
            groups[action.group] = replace(groups[action.group], sizes=None)
        if isinstance(action, ResumeProcesses) and action.group in groups:
            kept = groups[action.group].suspended - action.processes
            groups[action.group] = replace(groups[action.group], suspended=kept)
        if isinstance(action, SetAgents) and action.mode == held.agents_before:
            held = replace(held, agents_before=None, agents_set="")
        if isinstance(action, SwitchOrchestrator) and action.starts:
            held = replace(held, orchestrator="")
    return replace(held, groups={name: group for name, group in groups.items() if group != HeldGroup()})


def _plan_agents(
    decision: GuardDecision, account: AccountView, held: HeldChanges
) -> tuple[tuple[Action, ...], HeldChanges]:
    current, before = account.agents, held.agents_before
    if decision.agents is None:
        if before is None or current is None:
            return (), held
        if current != held.agents_set or current == before:
            # A person has changed it since.
            return (), replace(held, agents_before=None, agents_set="")
        return (SetAgents(mode=before),), held
    wanted = decision.agents.value
    if current is None:
        # It may be stricter than the cheaper model already.
        if decision.agents is not AgentsMode.PAUSED or held.agents_set == wanted:
            return (), held
        current = AgentsMode.NORMAL.value
    is_own = before is not None and current == held.agents_set
    stricter = _STRICTNESS[wanted] > _STRICTNESS.get(current, 0)
    if not stricter and not (is_own and current != wanted):
        return (), held
    return (SetAgents(mode=wanted),), replace(
        held, agents_before=before if before is not None else current, agents_set=wanted
    )


def _plan_groups(
    decision: GuardDecision, account: AccountView, held: HeldChanges
) -> tuple[tuple[Action, ...], HeldChanges]:
    if account.groups is None:
        return (), held
    actions: list[Action] = []
    kept: dict[str, HeldGroup] = {}
    for group in account.groups:
        known = held.groups.get(group.name, HeldGroup())
        planned, restorable = _plan_group(decision, group, known)
        actions += planned
        if restorable != HeldGroup():
            kept[group.name] = restorable
    return tuple(actions), replace(held, groups=kept)


def _plan_group(decision: GuardDecision, group: ScalingGroup, held: HeldGroup) -> tuple[list[Action], HeldGroup]:
    wanted = frozenset(
        [*([LAUNCH] if decision.blocks_launches else []), *([SCHEDULED_ACTIONS] if decision.stops_cluster else [])]
    )
    actions: list[Action] = []
    missing = wanted - group.suspended
    if missing:
        actions.append(SuspendProcesses(group=group.name, processes=missing))
    if decision.stops_cluster and group.sizes != NO_SIZES:
        actions.append(SetSizes(group=group.name, sizes=NO_SIZES, before=group.sizes))
        held = replace(held, sizes=held.sizes or group.sizes)
    if not decision.stops_cluster and held.sizes is not None:
        if group.sizes == NO_SIZES:
            actions.append(SetSizes(group=group.name, sizes=_restored_sizes(group, held.sizes), before=NO_SIZES))
        else:
            # A person has changed them since.
            held = replace(held, sizes=None)
    over = (held.suspended - wanted) & group.suspended
    if over:
        actions.append(ResumeProcesses(group=group.name, processes=over))
    return actions, replace(held, suspended=(held.suspended & (wanted | over)) | missing)


def _restored_sizes(group: ScalingGroup, before: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the sizes to restore: no nodes outside the schedule's hours, and no more than the group should have."""
    minimum, maximum, desired = before
    most = desired if group.nodes is None else min(desired, group.nodes)
    wanted = most if group.is_open else 0
    return min(minimum, wanted), maximum, wanted


def _plan_orchestrator(
    decision: GuardDecision, account: AccountView, held: HeldChanges
) -> tuple[tuple[Action, ...], HeldChanges]:
    machine = next(_find_orchestrators(account), None)
    if decision.stops_orchestrator:
        if machine is None or machine.state not in _UP_STATES:
            return (), held
        return (SwitchOrchestrator(id=machine.id, starts=False),), replace(held, orchestrator=machine.id)
    if not held.orchestrator or machine is None or machine.state == "stopping":
        return (), held
    if machine.id != held.orchestrator or machine.state != "stopped":
        # A person has started or replaced it since.
        return (), replace(held, orchestrator="")
    return (SwitchOrchestrator(id=machine.id, starts=True),), held


def _find_orchestrators(account: AccountView) -> Iterator[Instance]:
    return (each for each in account.instances if account.is_orchestrator(each) and each.state != "terminated")
