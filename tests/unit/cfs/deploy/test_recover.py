"""A killed apply: its lock is broken only if the apply is known to be dead, and its resources are adopted."""

from __future__ import annotations

import json
import socket
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cfs.deploy.recover import recover_environment
from cfs.deploy.reviewed_apply import WantedDeployment, apply_reviewed, preview_for_review
from cfs.deploy.stored_documents import ApplyRecord, ApplyRun, applies_key
from cfs.environments import find_stack_environment
from terminal.errors import UserError
from tests.unit.cfs.deploy.pulumi_stand_in import show, told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cfs.deploy.conftest import MemoryAccount

BEGAN = datetime(2026, 1, 5, 12, 0, 0, 700_000, tzinfo=UTC)
RUNS = "https://github.com/owner/claudefs/actions/runs"
WANTED = WantedDeployment(environment="prod", cluster_size=None, commit="c" * 40)


def dead_run(*, run: str = f"{RUNS}/7", hostname: str = "runner") -> ApplyRun:
    return ApplyRun(holder=f"robot, {run}", run=run, hostname=hostname, began=BEGAN)


@dataclass(frozen=True, kw_only=True)
class DeadApply:
    """Leftovers of a killed apply.

    Attributes:
        pulumi: Folder of the stand-in for the engine.
        bucket: Account with the record.
        completed: Runs that GitHub reports as completed.
    """

    pulumi: Path
    bucket: MemoryAccount
    completed: set[str]

    def leave(self, *runs: ApplyRun, hostname: str = "runner", since: datetime = BEGAN, pid: int = 7) -> None:
        self.bucket.write(applies_key("prod"), ApplyRecord(runs=runs).to_bytes())
        shown = since.replace(microsecond=0).isoformat().replace("+00:00", "Z")
        (self.pulumi / "lock").write_text(
            "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete "
            f"the lock file with `pulumi cancel`.\n  s3://b/x.json: created by me@{hostname} (pid {pid}) at {shown}\n"
        )

    def apply(self, folder: Path) -> None:
        digest = preview_for_review(WANTED, file=folder / "review.json").job_outputs["digest"]
        apply_reviewed(WANTED, digest=digest, file=None)

    def is_locked(self) -> bool:
        return (self.pulumi / "lock").exists()


@pytest.fixture
def dead(pulumi: Path, bucket: MemoryAccount, monkeypatch: pytest.MonkeyPatch) -> DeadApply:
    completed: set[str] = set()
    monkeypatch.setattr("cfs.deploy.recover.is_run_completed", lambda _, run: run in completed)
    monkeypatch.setattr("cfs.deploy.recover.check_github", lambda *_, **__: None)
    for name, value in {"SERVER_URL": "https://github.com", "REPOSITORY": "owner/claudefs", "RUN_ID": "8"}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    return DeadApply(pulumi=pulumi, bucket=bucket, completed=completed)


def test_the_lock_of_a_completed_run_is_broken_and_the_change_applied(dead: DeadApply, tmp_path: Path) -> None:
    dead.completed.add(f"{RUNS}/7")
    dead.leave(dead_run())
    dead.apply(tmp_path)
    assert (dead.pulumi / "applied").exists()
    assert [line.split()[0] for line in told(dead.pulumi)[-3:]] == ["up", "cancel", "up"]


def test_the_lock_of_the_same_run_is_broken_without_asking_github(dead: DeadApply, tmp_path: Path) -> None:
    dead.leave(dead_run(run=f"{RUNS}/8"))
    dead.apply(tmp_path)
    assert (dead.pulumi / "applied").exists()


@pytest.mark.parametrize(
    "leave, named",
    [
        pytest.param(lambda dead: dead.leave(dead_run()), "robot, .*/runs/7 is at work", id="a run at work"),
        pytest.param(lambda dead: dead.leave(dead_run(run="")), "robot,  is at work", id="a person's apply"),
        pytest.param(
            lambda dead: dead.leave(dead_run(run=f"{RUNS}/8"), hostname="laptop"), "me@laptop", id="another machine"
        ),
        pytest.param(
            lambda dead: dead.leave(dead_run(run=f"{RUNS}/8"), since=BEGAN - timedelta(seconds=1)),
            "me@runner",
            id="an older lock",
        ),
        pytest.param(
            lambda dead: dead.leave(dead_run(run=f"{RUNS}/8"), dead_run()), "/runs/7 is at work", id="the last of two"
        ),
    ],
)
def test_no_other_lock_is_broken_and_its_holder_is_named(
    dead: DeadApply, tmp_path: Path, leave: Callable[[DeadApply], None], named: str
) -> None:
    leave(dead)
    with pytest.raises(UserError, match=named) as refused:
        dead.apply(tmp_path)
    assert "if it is dead: pulumi cancel --stack prod" in refused.value.repair
    assert dead.is_locked()


@pytest.mark.parametrize("ends", [True, False])
def test_an_engine_that_outlives_its_command_may_write_its_state_before_it_is_killed(
    dead: DeadApply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, ends: bool
) -> None:
    monkeypatch.setattr("cfs.deploy.stack_locks.ORPHAN_SECONDS", 10.0 if ends else 0.2)
    (tmp_path / "orphan").mkdir()
    engine = tmp_path / "orphan" / "pulumi"
    engine.write_text(f"#!/bin/sh\nsleep {1.5 if ends else 60}\nrm {dead.pulumi}/lock\n")
    engine.chmod(0o755)
    orphan = subprocess.Popen([engine])
    here = socket.gethostname()
    dead.leave(dead_run(run=f"{RUNS}/8", hostname=here), hostname=here, pid=orphan.pid)
    dead.apply(tmp_path)
    orphan.wait(timeout=10)
    calls = [line.split()[0] for line in told(dead.pulumi)]
    assert calls[2:] == ["up", "up"] if ends else ["up", "up", "cancel", "up"]


def test_every_apply_is_recorded_before_it_can_lock_the_stack(dead: DeadApply, tmp_path: Path) -> None:
    dead.leave(*[dead_run()] * 10)
    with pytest.raises(UserError, match="is at work"):
        dead.apply(tmp_path)
    body = dead.bucket.read(applies_key("prod"))
    assert body is not None
    runs = ApplyRecord.parse_document(body, key="").runs
    assert [run.run for run in runs] == [*[f"{RUNS}/7"] * 9, f"{RUNS}/8"]


def test_resources_of_a_dead_run_are_adopted_after_its_lock_is_broken(dead: DeadApply) -> None:
    dead.completed.add(f"{RUNS}/7")
    dead.leave(dead_run())
    group: dict[str, Any] = {
        "urn": "urn:pulumi:prod::claudefs-infra::aws:autoscaling/group:Group::storage",
        "type": "aws:autoscaling/group:Group",
        "custom": True,
        "inputs": {"name": "claudefs-prod-storage"},
    }
    show(dead.pulumi, state={"resources": [], "pending_operations": [{"type": "creating", "resource": group}]})

    result = recover_environment(find_stack_environment("prod"))

    state = json.loads((dead.pulumi / "state.json").read_text())["deployment"]
    assert state == {"resources": [{**group, "id": "claudefs-prod-storage"}], "pending_operations": []}
    # The stand-in's refresh reads nothing; a real one would fill in the entry.
    assert [line.split()[0] for line in told(dead.pulumi)] == ["stack", "cancel", "stack", "refresh"]
    assert result.figures == {"environment": "prod", "repaired": True}


def test_a_preview_reports_a_dead_run_and_repairs_nothing(dead: DeadApply, tmp_path: Path) -> None:
    show(dead.pulumi, state={"pending_operations": [{"type": "creating", "resource": {}}]})
    result = preview_for_review(WANTED, file=tmp_path / "review.json")
    assert "An earlier run died" in result.job_summary
    assert [line.split()[0] for line in told(dead.pulumi)] == ["preview"]
    assert dead.bucket.objects == {}
