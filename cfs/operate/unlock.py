"""`cfs unlock`: who holds the lock on a stack, and its removal if that run is dead."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import psutil

from cfs.aws import AwsError
from cfs.deploy.artifact_store import find_artifact_store
from cfs.deploy.stack_locks import find_lock_run
from cfs.deploy.stored_documents import ApplyRecord, applies_key
from cfs.doctor.preflight import is_run_completed
from cfs.recovery.pending_operations import has_pending
from terminal.errors import UserError
from terminal.results import CommandResult, ResultTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cfs.deploy.stored_documents import ApplyRun
    from cfs.environments import StackEnvironment
    from cfs.stack_lock import HeldLock, LockHolder

RunState = Literal["alive", "dead", "unknown"]
"""State of the run that took a lock; unknown on another machine, unless it is a workflow run that GitHub shows."""


@dataclass(frozen=True, kw_only=True)
class JudgedLock:
    """A lock with the state of its run.

    Attributes:
        lock: The lock.
        state: State of the run.
        evidence: How that is known.
    """

    lock: HeldLock
    state: RunState
    evidence: str


def unlock_stack(environment: StackEnvironment, *, forced_id: str = "") -> CommandResult:
    """Remove the locks of dead runs, and report what to do next.

    Args:
        environment: The environment.
        forced_id: ID of a lock to remove whatever the state of its run; "" for none.
    """
    locks = environment.read_held_locks()
    if forced_id and forced_id not in {lock.id for lock in locks}:
        raise UserError(
            f"No lock on {environment.name} has the ID {forced_id}.",
            repair=f"cfs unlock --environment {environment.name}",
        )
    if not locks:
        return CommandResult(text=f"{environment.name} is not locked.", figures={"locks": [], "unlocked": False})
    recorded = _read_recorded_runs(environment)
    judged = [judge_lock(lock, recorded, is_completed=_completion_of(environment)) for lock in locks]
    kept = [each for each in judged if each.state != "dead" and each.lock.id != forced_id]
    if kept:
        return _locks_report(environment, judged, unlocked=False, notes=list(_kept_notes(environment, kept)))
    # `cancel` removes all locks, so a run that has begun in between must not lose its own.
    if {lock.id for lock in environment.read_held_locks()} - {lock.id for lock in locks}:
        raise UserError("Another run has just begun.", repair=f"cfs unlock --environment {environment.name}")
    engine = environment.open_engine()
    engine.query_text("cancel", "--yes")
    following = _recover_command(environment) if has_pending(engine) else environment.redeploy_command
    return _locks_report(environment, judged, unlocked=True, notes=["Unlocked. Next:", f"  {following}"])


def judge_lock(lock: HeldLock, recorded: Sequence[ApplyRun], *, is_completed: Callable[[str], bool]) -> JudgedLock:
    """Return whether the run that took a lock still lives.

    Args:
        lock: The lock.
        recorded: Commands that may have taken it, newest last.
        is_completed: Asks GitHub whether the workflow run with a page has ended.
    """
    holder = lock.holder
    if holder.hostname == socket.gethostname():
        lives = is_process_alive(holder)
        evidence = f"process {holder.pid} of this machine {'runs' if lives else 'does not exist'}"
        return JudgedLock(lock=lock, state="alive" if lives else "dead", evidence=evidence)
    run = find_lock_run(holder, recorded)
    if run is None or not run.run:
        return JudgedLock(lock=lock, state="unknown", evidence=f"only {holder.hostname} knows its processes")
    try:
        completed = is_completed(run.run)
    except UserError as error:
        return JudgedLock(lock=lock, state="unknown", evidence=error.problem)
    return JudgedLock(
        lock=lock,
        state="dead" if completed else "alive",
        evidence=f"the workflow run {run.run} {'has ended' if completed else 'is in progress'}",
    )


def is_process_alive(holder: LockHolder) -> bool:
    """Return whether the process that took a lock on this machine still runs."""
    try:
        process = psutil.Process(holder.pid)
        # The lock's time has whole seconds. A process that started later has merely reused the ID.
        began_before = process.create_time() <= holder.since.timestamp() + 1
        return began_before and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _read_recorded_runs(environment: StackEnvironment) -> tuple[ApplyRun, ...]:
    key = applies_key(environment.name)
    try:
        stored = find_artifact_store(environment.connect_aws(), environment.name).read_object(key)
    except AwsError as error:
        if error.code == "NoSuchBucket":
            return ()
        raise
    return ApplyRecord.parse_document(stored.body, key=key).runs if stored else ()


def _completion_of(environment: StackEnvironment) -> Callable[[str], bool]:
    return lambda run: is_run_completed(environment.name, run)


def _recover_command(environment: StackEnvironment) -> str:
    return "cfs local up" if environment.is_emulated else f"cfs deploy recover --environment {environment.name}"


def _kept_notes(environment: StackEnvironment, kept: Sequence[JudgedLock]) -> list[str]:
    notes = []
    for each in kept:
        if each.state == "alive":
            notes.append(f"{each.lock.id}: wait for the run to end.")
        else:
            force = f"cfs unlock --environment {environment.name} --force {each.lock.id}"
            notes.append(f"{each.lock.id}: if the run is dead: {force}")
    return notes


def _locks_report(
    environment: StackEnvironment, judged: Sequence[JudgedLock], *, unlocked: bool, notes: list[str]
) -> CommandResult:
    return CommandResult(
        table=ResultTable(
            title=f"Locks on {environment.name}",
            columns=("lock", "held by", "run", "how that is known"),
            rows=[(each.lock.id, str(each.lock.holder), each.state, each.evidence) for each in judged],
        ),
        notes=notes,
        figures={
            "locks": [
                {
                    "id": each.lock.id,
                    "holder": str(each.lock.holder),
                    "since": each.lock.holder.since.isoformat(),
                    "run": each.state,
                    "evidence": each.evidence,
                }
                for each in judged
            ],
            "unlocked": unlocked,
        },
        exit_code=0 if unlocked else 1,
    )
