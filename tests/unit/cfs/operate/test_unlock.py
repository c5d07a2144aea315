"""Which locks are those of dead runs, and which are never removed."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cfs.deploy.stored_documents import ApplyRun
from cfs.environments import RealEnvironment
from cfs.operate import unlock
from cfs.operate.unlock import judge_lock, unlock_stack
from cfs.remote_engine import RemoteEngine
from cfs.stack_lock import HeldLock, LockHolder, parse_lock_file
from terminal.errors import UserError
from toolchain import Toolchain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cfs.engine import StackEngine

NOW = datetime.now(UTC)
RUN = "https://github.com/acme/claudefs/actions/runs/7"
NO_PROCESS = 2**31 - 1


def lock(lock_id: str = "a", *, hostname: str = "runner", pid: int = 1) -> HeldLock:
    holder = LockHolder(user="u", hostname=hostname, pid=pid, since=NOW)
    return HeldLock(id=lock_id, holder=holder)


def recorded(run: str) -> list[ApplyRun]:
    return [ApplyRun(holder="somebody", run=run, hostname="runner", began=NOW - timedelta(minutes=1))]


def never_asked(page: str) -> bool:
    raise AssertionError(page)


def refused(page: str) -> bool:
    raise UserError(f"GitHub does not show the run {page}", repair="")


def test_a_lock_file_of_the_engine_is_read() -> None:
    content = b'{"pid":7,"username":"u","hostname":"h","timestamp":"2026-11-26T07:00:00.123456789Z"}'

    found = parse_lock_file("1b2c.json", content)

    assert (found.id, found.holder.pid, found.holder.since.hour) == ("1b2c", 7, 7)


@pytest.mark.parametrize("completed, state", [(True, "dead"), (False, "alive")])
def test_a_workflow_run_is_as_alive_as_github_says(completed: bool, state: str) -> None:  # noqa: FBT001 — a case
    found = judge_lock(lock(), recorded(RUN), is_completed=lambda page: completed and page == RUN)

    assert found.state == state


def test_a_run_that_nobody_can_see_is_unknown() -> None:
    assert judge_lock(lock(), [], is_completed=never_asked).state == "unknown"
    assert judge_lock(lock(), recorded(""), is_completed=never_asked).state == "unknown"
    assert judge_lock(lock(), recorded(RUN), is_completed=refused).state == "unknown"


def test_a_process_of_this_machine_is_looked_up() -> None:
    here = socket.gethostname()

    assert judge_lock(lock(hostname=here, pid=os.getpid()), [], is_completed=never_asked).state == "alive"
    assert judge_lock(lock(hostname=here, pid=NO_PROCESS), [], is_completed=never_asked).state == "dead"


@dataclass(frozen=True, kw_only=True)
class CancellingEngine(RemoteEngine):
    commands: list[tuple[str, ...]] = field(default_factory=list)

    def query_text(self, *arguments: str) -> str:
        self.commands.append(arguments)
        return ""

    def read_deployment(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True, kw_only=True)
class LockedEnvironment(RealEnvironment):
    engine: CancellingEngine
    readings: Iterator[list[HeldLock]]

    def read_held_locks(self) -> list[HeldLock]:
        return next(self.readings)

    def open_engine(self) -> StackEngine:
        return self.engine


def locked(monkeypatch: pytest.MonkeyPatch, *readings: list[HeldLock]) -> LockedEnvironment:
    monkeypatch.setattr(unlock, "_read_recorded_runs", lambda _: ())
    engine = CancellingEngine(
        environment_name="prod", toolchain=Toolchain(path=(), version="3.0.0", origin="path", env={})
    )
    return LockedEnvironment(name="prod", engine=engine, readings=iter(readings))


def test_a_dead_lock_is_removed_and_the_next_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    dead = [lock(hostname=socket.gethostname(), pid=NO_PROCESS)]
    environment = locked(monkeypatch, dead, dead)

    done = unlock_stack(environment)

    assert environment.engine.commands == [("cancel", "--yes")]
    assert (done.exit_code, done.notes[-1].strip()) == (0, environment.redeploy_command)


def test_an_unknown_lock_stays_until_its_id_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = locked(monkeypatch, [lock()], [lock()], [lock()], [lock()])

    kept = unlock_stack(environment)
    with pytest.raises(UserError, match="No lock on prod has the ID b"):
        unlock_stack(environment, forced_id="b")
    assert environment.engine.commands == []
    forced = unlock_stack(environment, forced_id="a")

    assert (kept.exit_code, forced.exit_code) == (1, 0)
    assert kept.notes == ["a: if the run is dead: cfs unlock --environment prod --force a"]


def test_a_run_that_begins_meanwhile_keeps_its_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = locked(monkeypatch, [lock()], [lock(), lock("new")])

    with pytest.raises(UserError, match="just begun"):
        unlock_stack(environment, forced_id="a")

    assert environment.engine.commands == []
