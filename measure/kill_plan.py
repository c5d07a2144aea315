"""When to kill the engine: moments spread over whole runs, the same for the same seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum

LATEST = 0.95
"""The last moment, as a share of a run: later, a run that is a little faster has ended."""

UPDATES_EVERY = 5
"""Every fifth kill hits a run that changes and replaces; the others hit a first deployment."""

WITH_COMMAND_EVERY = 3
"""Every third kill ends `cfs` together with the engine that it has started."""


class Phase(Enum):
    """What the engine is at work on when it is killed."""

    CREATE = "create"
    """The first `up` on an empty account."""
    UPDATE = "update"
    """An `up` that replaces the network with all that is in it and changes other settings in place."""


@dataclass(frozen=True, kw_only=True)
class Kill:
    """One kill that is to come.

    Attributes:
        number: Counts from 1.
        phase: What kind of run it hits.
        share: When, as a share of an undisturbed run's duration, 0 to `LATEST`.
        with_command: Whether `cfs` itself is killed with the engine.
    """

    number: int
    phase: Phase
    share: float
    with_command: bool


def plan(count: int, *, seed: int) -> list[Kill]:
    """Choose the kills: in each phase one random moment in each of as many equal parts of the run as it has kills."""
    chance = random.Random(seed)  # noqa: S311 — to be repeated, not to be secret
    phases = [Phase.UPDATE if number % UPDATES_EVERY == 0 else Phase.CREATE for number in range(1, count + 1)]
    shares = {phase: _spread(phases.count(phase), chance) for phase in Phase}
    return [
        Kill(number=number, phase=phase, share=shares[phase].pop(), with_command=number % WITH_COMMAND_EVERY == 0)
        for number, phase in enumerate(phases, start=1)
    ]


def _spread(count: int, chance: random.Random) -> list[float]:
    shares = [LATEST * (part + chance.random()) / count for part in range(count)]
    chance.shuffle(shares)
    return shares
