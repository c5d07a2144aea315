"""At which share of the day's budget the cost guard takes each of its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

GuardStep = Literal["note", "economy", "blockLaunches", "stopCluster", "stopOrchestrator"]
"""A step of the cost guard: docs/cost-guard.md."""

DEFAULT_STEPS: Mapping[GuardStep, int] = {
    "note": 50,
    "economy": 80,
    "blockLaunches": 90,
    "stopCluster": 100,
    "stopOrchestrator": 120,
}
"""The steps in their order, each in percent of the day's budget."""


def resolve_steps(changes: Mapping[GuardStep, int]) -> dict[GuardStep, int]:
    """Return all steps, with the percentages that the settings change."""
    return {**DEFAULT_STEPS, **changes}
