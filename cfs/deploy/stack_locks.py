"""Breaks the lock that a dead `cfs deploy apply` has left on a real account's stack.

The lock names a process and its machine; a record in the artifact bucket says which workflow run that was. Nothing else
breaks a lock: two engines at work on one stack would overwrite each other's state.
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
"""How long an interrupted engine may take for what it is creating; GitHub ends a cancelled run after five minutes."""

MOST_RECORDED_APPLIES = 10
"""Runs that the record keeps. Of two that died in a row, the lock may be that of the first."""


@dataclass(frozen=True, kw_only=True)
class LockBreaker:
    """Does work under the stack's lock, which it takes from a dead run.

    Attributes:
        engine: The engine at work on the stack.
        recorded: Runs that may have left a lock, the newest last.
        run: Page of this workflow run; "" outside one.
        is_completed: Asks GitHub whether a run, by its page, has ended.
    """

    engine: StackEngine
    recorded: Sequence[ApplyRun]
    run: str
    is_completed: Callable[[str], bool]

    def work_locked(self, work: Callable[[], T]) -> T:
        """Do the work; where a dead run's lock is in its way, break that and do it again.

        Raises:
            StackLockedError: The lock is not known to be that of a dead run.
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
        # Steps and attempts of one run never overlap. That a person's command has ended, nobody can be asked.
        if not run.run or (run.run != self.run and not self.is_completed(run.run)):
            raise UserError(f"{run.holder} is at work on the stack: {holder}.", repair=locked.repair)


def end_orphan(holder: LockHolder) -> bool:
    """Wait for an engine of this machine whose command is dead, kill it in the end, and return whether there was one.

    GitHub's runner kills a step's entry process alone (`NixKillProcessTree` in its `ProcessInvoker.cs`), so that the
    engine may still be writing its state.
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
    """Return which recorded run has taken a lock: the last that began before it on that machine."""
    began_before = [
        run for run in recorded if run.hostname == holder.hostname and run.began.replace(microsecond=0) <= holder.since
    ]
    return began_before[-1] if began_before else None


def record_apply(store: ArtifactStore, *, environment: str, this: ApplyRun) -> tuple[ApplyRun, ...]:
    """Record that a command may lock the stack, and return the runs before it; none where there is no bucket yet."""
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
