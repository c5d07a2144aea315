"""The emulated account's clock: the machine's, unless it is moved forward."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CLOCK_PATH = "/_control/clock"
"""Path to read and set the account's clock."""


class AccountClock:
    """The account's clock: runs at the machine's speed, with an offset."""

    def __init__(self) -> None:
        """Start with the machine's time."""
        self._ahead = timedelta()
        self._replayed: datetime | None = None

    def machine_time(self) -> datetime:
        """Return the machine's time, or during a replay the time of the replayed request."""
        return self._replayed or datetime.now(UTC)

    def account_time(self) -> datetime:
        """Return the account's time."""
        return self.machine_time() + self._ahead

    def move_forward(self, to: datetime) -> None:
        """Move the account's time forward.

        Raises:
            ValueError: The new time is before the current one.
        """
        if to < self.account_time():
            raise ValueError(f"{to.isoformat()} is before the account's time, {self.account_time().isoformat()}")
        self._ahead = to - self.machine_time()

    @contextmanager
    def replaying_at(self, machine: datetime) -> Iterator[None]:
        """Set the machine's time to a replayed request's, within the block."""
        self._replayed = machine
        try:
            yield
        finally:
            self._replayed = None
