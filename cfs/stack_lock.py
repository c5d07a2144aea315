"""The engine's lock on a stack, which lets one process at a time change it. A killed process leaves its lock behind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from terminal.errors import UserError

_LOCK = re.compile(r"created by (?P<user>.*?)@(?P<hostname>\S+) \(pid (?P<pid>\d+)\) at (?P<since>\S+)")
"""A line of the engine's error message, written by `checkForLock` in its `pkg/backend/diy/lock.go`."""


@dataclass(frozen=True, kw_only=True)
class LockHolder:
    """Holder of a stack's lock.

    Attributes:
        user: User name.
        hostname: Name of the machine.
        pid: Process ID of the engine on that machine.
        since: Time at which the lock was taken, to the second.
    """

    user: str
    hostname: str
    pid: int
    since: datetime

    def __str__(self) -> str:
        """Return the holder's description for messages."""
        return f"process {self.pid} of {self.user}@{self.hostname}, since {self.since:%Y-%m-%d %H:%M:%S %Z}"


class StackLockedError(UserError):
    """Another run has locked the stack.

    Attributes:
        holders: Holders of the lock; empty if the engine does not name them.
    """

    def __init__(self, said: str, *, repair: str) -> None:
        """Read the holders from the engine's error output."""
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
