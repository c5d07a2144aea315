"""Thresholds of the cost guard's steps."""

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
"""Default thresholds in percent of the daily budget, in the order of the steps."""


def resolve_steps(changes: Mapping[GuardStep, int]) -> dict[GuardStep, int]:
    """Return the thresholds of all steps: the defaults with the settings' changes."""
    return {**DEFAULT_STEPS, **changes}
