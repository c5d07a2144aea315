"""The engine's lock on a stack, which lets one process at a time change it. A killed process leaves its lock behind."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime

from infra.naming import CONFIG_NAMESPACE
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


@dataclass(frozen=True, kw_only=True)
class HeldLock:
    """A lock in the stack's backend.

    Attributes:
        id: Name of the lock's file, without its extension.
        holder: The process that took it.
    """

    id: str
    holder: LockHolder


def locks_path(stack: str) -> str:
    """Return the folder of a stack's locks in a backend, as `stackLockDir` in the same file of the engine does."""
    return f".pulumi/locks/organization/{CONFIG_NAMESPACE}/{stack}/"


def parse_lock_file(name: str, content: bytes) -> HeldLock:
    """Return the lock in a file of the backend, a `lockContent` of the engine's `pkg/backend/diy/lock.go`."""
    found = json.loads(content)
    holder = LockHolder(
        user=found["username"],
        hostname=found["hostname"],
        pid=found["pid"],
        since=datetime.fromisoformat(found["timestamp"]),
    )
    return HeldLock(id=name.removesuffix(".json"), holder=holder)


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
