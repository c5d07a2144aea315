"""The ladder: which step of the guard begins at which share of the day's budget."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from decimal import Decimal


class LadderStep(StrEnum):
    """The steps, lowest first."""

    NOTE = "note"
    ECONOMY = "economy"
    BLOCK_LAUNCHES = "blockLaunches"
    STOP_CLUSTER = "stopCluster"
    STOP_ORCHESTRATOR = "stopOrchestrator"


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """The steps' shares of the day's budget.

    Attributes:
        percentages: Percent of the budget at which each step begins.
        may_stop_orchestrator: Whether the last step stops the orchestrator besides pausing its agents.
    """

    percentages: Mapping[LadderStep, int]
    may_stop_orchestrator: bool = False

    def steps_at(self, percent: Decimal) -> tuple[LadderStep, ...]:
        """Return the steps that a share of the budget reaches, lowest first."""
        return tuple(step for step in LadderStep if percent >= self.percentages[step])

    @classmethod
    def parse_setting(cls, text: str) -> Self:
        """Parse the setting: a JSON object with the percent of each step, and `mayStopOrchestrator`.

        Raises:
            ValueError: It is not that, or the percentages do not ascend.
        """
        given: Any = json.loads(text)
        if not isinstance(given, Mapping):
            raise ValueError(f"{text!r} is not an object")  # noqa: TRY004 — the text has a wrong value, not the argument
        percentages = {step: given.get(step.value) for step in LadderStep}
        if not all(type(percent) is int and percent > 0 for percent in percentages.values()):
            raise ValueError(f"each of {', '.join(LadderStep)} must be a whole percentage above 0")
        known: dict[LadderStep, int] = {step: int(percent or 0) for step, percent in percentages.items()}
        if list(known.values()) != sorted(known.values()):
            raise ValueError(f"the percentages of {', '.join(LadderStep)} must ascend")
        return cls(percentages=known, may_stop_orchestrator=given.get("mayStopOrchestrator") is True)


DEFAULT_LADDER = Ladder(
    percentages={
        LadderStep.NOTE: 50,
        LadderStep.ECONOMY: 80,
        LadderStep.BLOCK_LAUNCHES: 90,
        LadderStep.STOP_CLUSTER: 100,
        LadderStep.STOP_ORCHESTRATOR: 120,
    }
)
"""The ladder of the shipped settings."""
