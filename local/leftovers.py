"""Processes and locks left by a dead run of the engine."""

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
"""A process ID that no process has."""
_ENGINE_PROCESS_NAME = "pulumi"
"""The engine's process name."""


@dataclass(frozen=True, kw_only=True)
class StackLock:
    """A lock that the engine has taken on the stack.

    Attributes:
        path: The lock's file.
        pid: ID of the process that took the lock.
        hostname: Name of that process's machine.
        taken: Time of the lock, in seconds since the epoch.
    """

    path: Path
    pid: int
    hostname: str
    taken: float

    def is_held(self) -> bool:
        """Return whether the lock's process may still be running; always true for another machine."""
        if self.hostname != socket.gethostname():
            return True
        try:
            process = psutil.Process(self.pid)
            # A killed process keeps its ID as a zombie until its parent waits for it, for example in a container
            # without an init. A process that started after the lock was taken has merely reused the ID, unless it is an
            # engine: then the clock was set back in between.
            started_before = process.create_time() <= self.taken or process.name().startswith("pulumi")
            return process.status() != psutil.STATUS_ZOMBIE and started_before
        except psutil.NoSuchProcess:
            return False

    def held_error(self) -> UserError:
        """Return the error for a held lock."""
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
    """Kill the processes of a dead run and remove its lock.

    Returns:
        Whether there was a dead run.
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
    """Return all locks on the account's stacks."""
    paths = (account.backend_folder / ".pulumi" / "locks").rglob("*.json")
    return [lock for path in paths if (lock := _read_lock(path)) is not None]


def _read_lock(path: Path) -> StackLock | None:
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
        taken = datetime.fromisoformat(lock["timestamp"]).timestamp()
        return StackLock(path=path, pid=int(lock["pid"]), hostname=str(lock["hostname"]), taken=taken)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        # The run died while writing its lock: no process holds it.
        return StackLock(path=path, pid=_NO_PROCESS_ID, hostname=socket.gethostname(), taken=0.0)


def find_leftover_processes(account: LocalAccount) -> list[psutil.Process]:
    """Return processes of the account's runs whose engine has exited: plugins outlive it by seconds.

    A running engine and its descendants are excluded, as previews and queries take no lock.
    """
    return [process for process in psutil.process_iter() if _is_leftover(account, process)]


def end_leftover_processes(account: LocalAccount) -> None:
    """Kill plugins that have outlived their engine: they could still create resources that are never recorded."""
    leftovers = find_leftover_processes(account)
    for process in leftovers:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    deadline = time.monotonic() + _END_SECONDS
    while any(map(_is_running, leftovers)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _is_running(process: psutil.Process) -> bool:
    # A killed process remains as a zombie if no process waits for orphans, for example in a container without an init.
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
        # The process has exited, is a zombie, or is another user's: it cannot change the account.
        return False
