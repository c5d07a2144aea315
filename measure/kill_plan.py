"""When to kill the engine: moments spread over whole runs, the same for the same seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

LATEST_SHARE = 0.95
"""The last moment, as a share of a run: later, a run that is a little faster has ended."""

UPDATES_EVERY = 5
"""Every fifth kill hits a run that changes and replaces; the others hit a first deployment."""

WITH_COMMAND_EVERY = 3
"""Every third kill ends `cfs` together with the engine that it has started."""


class KillPhase(StrEnum):
    """What the engine is at work on when it is killed."""

    CREATE = "create"
    """The first `up` on an empty account."""
    UPDATE = "update"
    """An `up` that replaces the network with all that is in it and changes other settings in place."""


@dataclass(frozen=True, kw_only=True)
class PlannedKill:
    """One kill that is to come.

    Attributes:
        number: Counts from 1.
        phase: What kind of run it hits.
        share: When, as a share of an undisturbed run's duration, 0 to `LATEST_SHARE`.
        with_command: Whether `cfs` itself is killed with the engine.
    """

    number: int
    phase: KillPhase
    share: float
    with_command: bool


def plan_kills(count: int, *, seed: int) -> list[PlannedKill]:
    """Choose the kills: in each phase one random moment in each of as many equal parts of the run as it has kills."""
    chance = random.Random(seed)  # noqa: S311 — to be repeated, not to be secret
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
