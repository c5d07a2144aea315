"""Waiting for what a boot test wants to see."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_POLL_SECONDS = 1.0
_CANCELLED = threading.Event()
_Seen = TypeVar("_Seen")


class Deviation(Exception):  # noqa: N818 — a result of the test, not a failure of its code
    """Something that is not as wanted; the message says what was seen."""


def pause_test(seconds: float) -> None:
    """Wait.

    Raises:
        Deviation: The test was cancelled.
    """
    if _CANCELLED.wait(seconds):
        raise Deviation("the test was cancelled")


def cancel_waits() -> None:
    """End all present and future waits of this process."""
    _CANCELLED.set()


def require(what: str, seen: object, wanted: object) -> None:
    """Compare what is seen with what is wanted.

    Raises:
        Deviation: They differ.
    """
    if seen != wanted:
        raise Deviation(f"{what}: wanted {wanted!r}, seen {seen!r}")


def await_state(
    what: str,
    look: Callable[[], _Seen],
    is_wanted: Callable[[_Seen], bool],
    *,
    seconds: float,
    patience: float,
) -> _Seen:
    """Look until the wanted state is seen, and return it.

    Args:
        what: What is awaited.
        look: Returns the present state.
        is_wanted: Returns whether a state is the wanted one.
        seconds: Time limit of a fast machine.
        patience: How many times as long the machine takes.

    Raises:
        Deviation: It was not seen in time.
    """
    deadline = time.monotonic() + seconds * patience
    while not is_wanted(seen := look()):
        if time.monotonic() > deadline:
            raise Deviation(f"{what}: not within {seconds * patience:.0f} s, last seen {seen!r}")
        pause_test(_POLL_SECONDS * patience)
    return seen
