"""The guard's decision: from what was spent to what must hold, with the reason. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from guard.ladder import Ladder, LadderStep

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal


class AgentsMode(StrEnum):
    """What the agents may do: as usual, on the cheaper model, or nothing."""

    NORMAL = "normal"
    ECONOMY = "economy"
    PAUSED = "paused"


@dataclass(frozen=True, kw_only=True)
class Pause:
    """A time in which a person lets the guard do nothing.

    Attributes:
        until: When it ends.
        reason: Why.
        by: Who has set it.
        since: When it was set.
    """

    until: datetime
    reason: str
    by: str
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Situation:
    """Facts that a decision needs.

    Attributes:
        at: When.
        spent_usd: US dollars since midnight.
        budget_usd: The day's budget.
        ladder: What to do at which share of it.
        announced: Steps that were announced today.
        pause: A pause that a person has set, perhaps over.
        unmeasured: Calls that failed, so that a part of the sum is assumed.
    """

    at: datetime
    spent_usd: Decimal
    budget_usd: Decimal
    ladder: Ladder
    announced: frozenset[str] = frozenset()
    pause: Pause | None = None
    unmeasured: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GuardDecision:
    """What must hold, and why.

    Attributes:
        steps: Steps that are reached, lowest first; none during a pause.
        new_steps: Those of them to announce.
        agents: The mode that the guard imposes on agents; None: it imposes none.
        blocks_launches: Whether groups may launch nothing.
        stops_cluster: Whether groups are at zero and instances terminated.
        stops_orchestrator: Whether the orchestrator is stopped.
        reason: Why, for people.
    """

    steps: tuple[LadderStep, ...]
    new_steps: tuple[LadderStep, ...]
    agents: AgentsMode | None
    blocks_launches: bool
    stops_cluster: bool
    stops_orchestrator: bool
    reason: str

    @property
    def is_restraining(self) -> bool:
        """Whether it restrains anything."""
        return self.agents is not None or self.blocks_launches or self.stops_cluster or self.stops_orchestrator


def decide_restraints(situation: Situation) -> GuardDecision:
    """Decide what must hold now.

    The day's spend never falls, so nothing is released before the next day, unless the budget is raised or a person
    pauses the guard.
    """
    percent = situation.spent_usd * 100 / situation.budget_usd
    is_paused = situation.pause is not None and situation.at < situation.pause.until
    steps = () if is_paused else situation.ladder.steps_at(percent)
    return GuardDecision(
        steps=steps,
        new_steps=tuple(step for step in steps if step.value not in situation.announced),
        agents=_agents_mode(steps),
        blocks_launches=LadderStep.BLOCK_LAUNCHES in steps,
        stops_cluster=LadderStep.STOP_CLUSTER in steps,
        stops_orchestrator=LadderStep.STOP_ORCHESTRATOR in steps and situation.ladder.may_stop_orchestrator,
        reason=_write_reason(situation, percent, is_paused=is_paused),
    )


def _agents_mode(steps: tuple[LadderStep, ...]) -> AgentsMode | None:
    if LadderStep.STOP_ORCHESTRATOR in steps:
        return AgentsMode.PAUSED
    return AgentsMode.ECONOMY if LadderStep.ECONOMY in steps else None


def _write_reason(situation: Situation, percent: Decimal, *, is_paused: bool) -> str:
    spent = f"${situation.spent_usd:.2f} of the day's ${situation.budget_usd:.2f} spent ({percent:.0f} %)"
    if situation.unmeasured:
        spent += f"; assumed in part, since {', '.join(situation.unmeasured)} failed"
    if is_paused and situation.pause is not None:
        spent += f"; paused until {situation.pause.until:%Y-%m-%d %H:%M} UTC by {situation.pause.by}: "
        spent += situation.pause.reason
    return spent
