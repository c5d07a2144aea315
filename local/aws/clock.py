"""The emulated account's clock: the machine's, until somebody moves it forward."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CLOCK_PATH = "/_control/clock"
"""Where the emulated account tells its time, and is told another."""


class AccountClock:
    """Tells the account's time; it goes on as the machine's does, from wherever it has been moved to."""

    def __init__(self) -> None:
        """Begin with the machine's time."""
        self._ahead = timedelta()
        self._replayed: datetime | None = None

    def machine_time(self) -> datetime:
        """Return the machine's time, or in a replay the one at which the replayed request came."""
        return self._replayed or datetime.now(UTC)

    def account_time(self) -> datetime:
        """Return the account's time."""
        return self.machine_time() + self._ahead

    def move_forward(self, to: datetime) -> None:
        """Move the account's time forward.

        Raises:
            ValueError: It would go back.
        """
        if to < self.account_time():
            raise ValueError(f"{to.isoformat()} lies before the account's time, {self.account_time().isoformat()}")
        self._ahead = to - self.machine_time()

    @contextmanager
    def replaying_at(self, machine: datetime) -> Iterator[None]:
        """Let the machine's time be that of a request that is replayed."""
        self._replayed = machine
        try:
            yield
        finally:
            self._replayed = None
