"""Processes and locks that a dead run of the engine has left behind."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import psutil

from local.account import RUN_MARKER_VARIABLE
from terminal.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from local.account import LocalAccount

_END_SECONDS = 5.0
_POLL_SECONDS = 0.01
_NO_PROCESS_ID = 2**31 - 1
"""A number that no process has."""
_ENGINE_PROCESS_NAME = "pulumi"
"""Name of the engine's process."""


@dataclass(frozen=True, kw_only=True)
class StackLock:
    """A lock on the stack, as the engine writes it.

    Attributes:
        path: Its file.
        pid: The process that took it.
        hostname: On which machine.
        taken: When, in seconds since the epoch.
    """

    path: Path
    pid: int
    hostname: str
    taken: float

    def is_held(self) -> bool:
        """Return whether its process may still be at work; on another machine nobody here can know."""
        if self.hostname != socket.gethostname():
            return True
        try:
            process = psutil.Process(self.pid)
            # A killed process that its parent has not waited for yet, as in a container without an init, still has
            # its number; one that began after the lock was taken only has the same number.
            return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= self.taken
        except psutil.NoSuchProcess:
            return False

    def held_error(self) -> UserError:
        """Say who holds it, and what to do about that."""
        since = f"{datetime.fromtimestamp(self.taken).astimezone():%Y-%m-%d %H:%M:%S}"
        if self.hostname == socket.gethostname():
            return UserError(
                f"Process {self.pid} has been at work on the stack since {since}.",
                repair=f"wait for it to end, or end it (kill -INT {self.pid}), and run the same command again",
            )
        return UserError(
            f"Process {self.pid} of the machine {self.hostname} has been at work on the stack since {since}.",
            repair=f"wait for it to end; if that machine is gone, remove {self.path} and run the same command again",
        )


def clear_dead_run(account: LocalAccount) -> bool:
    """End the processes of a dead run and remove its lock.

    Returns:
        Whether a run had died.
    """
    locks = find_locks(account)
    held = next((lock for lock in locks if lock.is_held()), None)
    if held is not None:
        raise held.held_error()
    end_leftover_processes(account)
    for lock in locks:
        lock.path.unlink(missing_ok=True)
    return bool(locks)


def find_locks(account: LocalAccount) -> list[StackLock]:
    """Read the locks on the account's stacks, whoever holds them."""
    paths = (account.backend_folder / ".pulumi" / "locks").rglob("*.json")
    return [lock for path in paths if (lock := _read_lock(path)) is not None]


def _read_lock(path: Path) -> StackLock | None:
    try:
        lock = json.loads(path.read_text())
        taken = datetime.fromisoformat(lock["timestamp"]).timestamp()
        return StackLock(path=path, pid=int(lock["pid"]), hostname=str(lock["hostname"]), taken=taken)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        # The run died while it wrote its lock: nobody holds it.
        return StackLock(path=path, pid=_NO_PROCESS_ID, hostname=socket.gethostname(), taken=0.0)


def find_leftover_processes(account: LocalAccount) -> list[psutil.Process]:
    """Find the processes of the account's runs whose engine is gone: its plugins outlive it by seconds.

    An engine that lives is none of them, nor what it has started: previews and queries take no lock.
    """
    return [process for process in psutil.process_iter() if _is_leftover(account, process)]


def end_leftover_processes(account: LocalAccount) -> None:
    """End plugins that outlive their engine: one may be about to create what nobody would record."""
    leftovers = find_leftover_processes(account)
    for process in leftovers:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    deadline = time.monotonic() + _END_SECONDS
    while any(map(_is_running, leftovers)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _is_running(process: psutil.Process) -> bool:
    # Where nobody waits for orphans, as in a container without an init, a killed process stays as a zombie.
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_leftover(account: LocalAccount, process: psutil.Process) -> bool:
    try:
        if process.environ().get(RUN_MARKER_VARIABLE) != account.run_marker or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return not any(relative.name() == _ENGINE_PROCESS_NAME for relative in (process, *process.parents()))
    except psutil.Error:
        # Gone, another user's, or a zombie: none that could still work on the account.
        return False
