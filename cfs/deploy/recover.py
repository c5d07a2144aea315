"""Repairs a stack after a dead `cfs deploy apply`: breaks its lock, and adopts resources that it did not record."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from cfs.clock import SystemClock
from cfs.deploy.artifact_store import find_artifact_store
from cfs.deploy.lease import lease_holder
from cfs.deploy.stack_locks import LockBreaker, record_apply
from cfs.deploy.stored_documents import ApplyRun
from cfs.doctor.preflight import check_github, is_run_completed
from cfs.recovery.pending_operations import has_pending, repair_state
from terminal.job_outputs import run_page_url
from terminal.results import CommandResult

if TYPE_CHECKING:
    from cfs.engine import StackEngine
    from cfs.environments import StackEnvironment


def recover_environment(environment: StackEnvironment) -> CommandResult:
    """Repair an environment's stack, and report whether that was necessary."""
    engine = environment.open_engine()
    was_unfinished = has_pending(engine)
    recover_stack(environment, engine)
    text = (
        f"{environment.name}: resources that a dead run began to create are now in the state, or known not to exist"
        if was_unfinished
        else f"{environment.name}: no run has left anything unfinished"
    )
    return CommandResult(
        text=text,
        job_summary=f"### {text}\n" if was_unfinished else "",
        figures={"environment": environment.name, "repaired": was_unfinished},
    )


def recover_stack(environment: StackEnvironment, engine: StackEngine) -> LockBreaker:
    """Repair a stack before it is changed.

    Returns:
        Lock breaker under which to make the change.
    """
    # All runs on the emulated account are on this machine, so they can be checked directly.
    if environment.is_emulated:
        engine.recover_stack()
    lock_breaker = _make_lock_breaker(environment, engine)
    if not environment.is_emulated and has_pending(engine):
        command = f"cfs deploy recover --environment {environment.name}"
        check_github(engine, retry_command=command, deploys=False)
        lock_breaker.work_locked(lambda: repair_state(engine, environment.connect_aws))
    return lock_breaker


def _make_lock_breaker(environment: StackEnvironment, engine: StackEngine) -> LockBreaker:
    """Record this command as one that may lock the stack, and return a breaker that knows the earlier ones."""
    this = ApplyRun(
        holder=lease_holder(os.environ), run=run_page_url(), hostname=socket.gethostname(), began=SystemClock().now()
    )
    store = find_artifact_store(environment.connect_aws(), environment.name)
    return LockBreaker(
        engine=engine,
        recorded=record_apply(store, environment=environment.name, this=this),
        run=this.run,
        is_completed=lambda run: is_run_completed(environment.name, run),
    )
