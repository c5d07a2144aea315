"""The engine's lock on a stack: it lets one process at a time change the stack, and outlives one that is killed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from terminal.errors import UserError

_LOCK = re.compile(r"created by (?P<user>.*?)@(?P<hostname>\S+) \(pid (?P<pid>\d+)\) at (?P<since>\S+)")
"""A line of the engine's refusal: `checkForLock` in its `pkg/backend/diy/lock.go`."""


@dataclass(frozen=True, kw_only=True)
class LockHolder:
    """Who has locked a stack.

    Attributes:
        user: Name of the user.
        hostname: Name of the machine.
        pid: The engine's process there.
        since: When the lock was taken, to the second.
    """

    user: str
    hostname: str
    pid: int
    since: datetime

    def __str__(self) -> str:
        """Return it for people."""
        return f"process {self.pid} of {self.user}@{self.hostname}, since {self.since:%Y-%m-%d %H:%M:%S %Z}"


class StackLockedError(UserError):
    """Somebody else has locked the stack.

    Attributes:
        holders: Who; empty where the engine does not say.
    """

    def __init__(self, said: str, *, repair: str) -> None:
        """Describe it by what the engine said."""
        self.holders = tuple(
            LockHolder(
                user=match["user"],
                hostname=match["hostname"],
                pid=int(match["pid"]),
                since=datetime.fromisoformat(match["since"]),
            )
            for match in _LOCK.finditer(said)
        )
        named = "; ".join(map(str, self.holders)) or said.strip()
        super().__init__(f"Another run is at work on the stack: {named}.", repair=repair)
