"""Breaks the lock that a dead `cfs deploy apply` has left on a real account's stack.

The lock names a process and its machine; a record in the artifact bucket tells which workflow run that was. Other locks
are never broken, because two engines that change one stack would overwrite each other's state.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import psutil

from cfs.aws import AwsError
from cfs.deploy.artifact_store import ConflictError
from cfs.deploy.stored_documents import ApplyRecord, ApplyRun, applies_key
from cfs.stack_lock import StackLockedError
from terminal.errors import UserError
from terminal.progress import console

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cfs.deploy.artifact_store import ArtifactStore
    from cfs.engine import StackEngine
    from cfs.stack_lock import LockHolder

T = TypeVar("T")

ORPHAN_SECONDS = 60.0
"""Time for an interrupted engine to finish its current resource; GitHub kills a cancelled run after five minutes."""

MOST_RECORDED_APPLIES = 10
"""Number of runs in the record. If two runs died in a row, the lock may belong to the first."""


@dataclass(frozen=True, kw_only=True)
class LockBreaker:
    """Runs work that locks the stack, and breaks a dead run's lock if necessary.

    Attributes:
        engine: Engine of the stack.
        recorded: Runs that may have left a lock, newest last.
        run: Page of this workflow run; "" outside one.
        is_completed: Asks GitHub whether the workflow run with a page has ended.
    """

    engine: StackEngine
    recorded: Sequence[ApplyRun]
    run: str
    is_completed: Callable[[str], bool]

    def work_locked(self, work: Callable[[], T]) -> T:
        """Run the work; if a dead run's lock blocks it, break the lock and run the work again.

        Raises:
            StackLockedError: The run that took the lock is unknown.
        """
        try:
            return work()
        except StackLockedError as error:
            if not error.holders:
                raise
            for holder in error.holders:
                self._refuse_living(holder, error)
            orphans = list(map(end_orphan, error.holders))
            if any(orphans):
                return self.work_locked(work)
            console.print(f"Breaking the lock of a dead run: {'; '.join(map(str, error.holders))}", soft_wrap=True)
            self.engine.query_text("cancel", "--yes")
        return work()

    def _refuse_living(self, holder: LockHolder, locked: StackLockedError) -> None:
        run = find_lock_run(holder, self.recorded)
        if run is None:
            raise locked
        # Steps and attempts of one run never overlap. A command that a person started counts as alive: nothing records
        # its end.
        if not run.run or (run.run != self.run and not self.is_completed(run.run)):
            raise UserError(f"{run.holder} is at work on the stack: {holder}.", repair=locked.repair)


def end_orphan(holder: LockHolder) -> bool:
    """Wait for an engine on this machine whose command is dead, kill it if need be, and return whether there was one.

    GitHub's runner kills only a step's entry process (`NixKillProcessTree` in its `ProcessInvoker.cs`), so the engine
    may still be writing its state.
    """
    if holder.hostname != socket.gethostname():
        return False
    try:
        engine = psutil.Process(holder.pid)
        if engine.name() != "pulumi" or engine.status() == psutil.STATUS_ZOMBIE:
            return False
        console.print(f"Waiting for the engine of a dead run: process {holder.pid}")
        processes = [engine, *engine.children(recursive=True)]
        _, living = psutil.wait_procs(processes, timeout=ORPHAN_SECONDS)
    except psutil.NoSuchProcess:
        return False
    for process in living:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(living, timeout=ORPHAN_SECONDS)
    return True


def find_lock_run(holder: LockHolder, recorded: Sequence[ApplyRun]) -> ApplyRun | None:
    """Return the recorded run that took a lock: the last one that began before it on the same machine."""
    began_before = [
        run for run in recorded if run.hostname == holder.hostname and run.began.replace(microsecond=0) <= holder.since
    ]
    return began_before[-1] if began_before else None


def record_apply(store: ArtifactStore, *, environment: str, this: ApplyRun) -> tuple[ApplyRun, ...]:
    """Record a command that may lock the stack, and return the earlier ones; none if there is no bucket yet."""
    key = applies_key(environment)
    try:
        stored = store.read_object(key)
        earlier = ApplyRecord.parse_document(stored.body, key=key).runs if stored else ()
        record = ApplyRecord(runs=(*earlier, this)[-MOST_RECORDED_APPLIES:])
        store.replace_object(key, record.to_bytes(), etag=stored.etag if stored else None)
    except ConflictError as error:
        raise UserError(
            f"Another `cfs deploy apply` to {environment} began at the same time.", repair="run the same command again"
        ) from error
    except AwsError as error:
        if error.code == "NoSuchBucket":
            return ()
        raise
    return earlier
