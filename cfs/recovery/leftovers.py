"""Processes and locks that a dead run of the engine has left behind."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import psutil

from cfs.engine import RUN_MARKER
from cfs.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cfs.engine import Engine

_END_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Lock:
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
        """Tell whether its process may still be at work; on another machine nobody here can know."""
        if self.hostname != socket.gethostname():
            return True
        try:
            # A process that began after the lock was taken only has the same number.
            return psutil.Process(self.pid).create_time() <= self.taken
        except psutil.NoSuchProcess:
            return False


def clear(engine: Engine) -> bool:
    """End the processes of a dead run and remove its lock.

    Returns:
        Whether a run had died.

    Raises:
        UserError: A run is still at work.
    """
    locks = list(_locks(engine))
    held = next((lock for lock in locks if lock.is_held()), None)
    if held is not None:
        raise UserError(
            f"Process {held.pid} on {held.hostname} has been at work on the stack since "
            f"{datetime.fromtimestamp(held.taken).astimezone():%H:%M:%S}.",
            repair=f"wait for it to end, or end it (kill {held.pid}), and run the same command again",
        )
    _end_processes(engine)
    for lock in locks:
        lock.path.unlink(missing_ok=True)
        lock.path.with_suffix(".json.attrs").unlink(missing_ok=True)
    return bool(locks)


def _locks(engine: Engine) -> Iterator[Lock]:
    for path in (engine.account.backend / ".pulumi" / "locks").rglob("*.json"):
        try:
            lock = json.loads(path.read_text())
            taken = datetime.fromisoformat(lock["timestamp"]).timestamp()
            yield Lock(path=path, pid=lock["pid"], hostname=lock["hostname"], taken=taken)
        except FileNotFoundError:
            continue
        except (ValueError, KeyError):
            # The run died while it wrote its lock: nobody holds it.
            yield Lock(path=path, pid=-1, hostname=socket.gethostname(), taken=0.0)


def _end_processes(engine: Engine) -> None:
    """End plugins that outlive their engine: one may be about to create what nobody would record."""
    leftovers = [process for process in psutil.process_iter() if _belongs_to(engine, process)]
    for process in leftovers:
        process.kill()
    psutil.wait_procs(leftovers, timeout=_END_SECONDS)


def _belongs_to(engine: Engine, process: psutil.Process) -> bool:
    try:
        return process.environ().get(RUN_MARKER) == engine.marker
    except psutil.Error:
        return False
