"""Plans when to kill the engine: moments spread over whole runs, reproducible by a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

LATEST_SHARE = 0.95
"""The latest moment, as a share of a run; after it, a slightly faster run would already have ended."""

UPDATES_EVERY = 5
"""Every fifth kill hits an update; the others hit a first deployment."""

WITH_COMMAND_EVERY = 3
"""Every third kill hits `cfs` together with its engine."""


class KillPhase(StrEnum):
    """The kind of run to kill."""

    CREATE = "create"
    """The first `up` on an empty account."""
    UPDATE = "update"
    """An `up` that replaces the network with everything in it, and changes other settings in place."""


@dataclass(frozen=True, kw_only=True)
class PlannedKill:
    """A planned kill.

    Attributes:
        number: The kill's number, from 1.
        phase: The kind of run to kill.
        share: The moment, as a share of an undisturbed run's duration, 0 to `LATEST_SHARE`.
        with_command: Whether to kill `cfs` together with the engine.
    """

    number: int
    phase: KillPhase
    share: float
    with_command: bool


def plan_kills(count: int, *, seed: int) -> list[PlannedKill]:
    """Plan kills: divide each phase's run into as many equal parts as it has kills, with a random moment in each."""
    chance = random.Random(seed)  # noqa: S311 — reproducible, not secret
    phases = [KillPhase.UPDATE if number % UPDATES_EVERY == 0 else KillPhase.CREATE for number in range(1, count + 1)]
    shares = {phase: _spread_shares(phases.count(phase), chance) for phase in KillPhase}
    return [
        PlannedKill(
            number=number, phase=phase, share=shares[phase].pop(), with_command=number % WITH_COMMAND_EVERY == 0
        )
        for number, phase in enumerate(phases, start=1)
    ]


def _spread_shares(count: int, chance: random.Random) -> list[float]:
    shares = [LATEST_SHARE * (part + chance.random()) / count for part in range(count)]
    chance.shuffle(shares)
    return shares
