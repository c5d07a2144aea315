"""The commands as a user gives them."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import psutil
import pytest

from infra.project import PROJECT_FOLDER
from local import servers
from terminal.errors import UserError
from tests.e2e.console import CFS, run_cfs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.stacks import Stack


def test_up_starts_an_emulator_that_died_and_says_that_nothing_changes_and_what_to_try_next(stack: Stack) -> None:
    before = servers.recorded_emulators(stack.folder)[servers.AWS_EMULATOR]
    emulator = psutil.Process(before.pid)
    emulator.kill()
    emulator.wait(timeout=5)

    done = run_cfs(stack.folder, "local", "up")

    assert done.status == 0, done.stderr
    assert "emulated AWS account is no longer running: restarting it" in done.stderr
    assert "No changes: the account is as declared." in done.stderr
    assert "What to try next" in done.stderr
    assert stack.outputs()["orchestratorId"] in done.stdout
    assert servers.recorded_emulators(stack.folder)[servers.AWS_EMULATOR].port == before.port


def test_down_stops_the_emulators(empty_stack: Stack) -> None:
    done = run_cfs(empty_stack.folder, "local", "down")
    assert done.status == 0, done.stderr
    assert not any(process.is_alive() for process in servers.recorded_emulators(empty_stack.folder).values())


def test_plain_pulumi_works_in_a_shell_set_by_env_and_finds_the_account_as_declared(deployed: Stack) -> None:
    preview = "pulumi preview --refresh --expect-no-changes"
    plain = subprocess.run(
        ["/bin/sh", "-c", f'eval "$({CFS} local env)" && pulumi stack output orchestratorId && {preview}'],
        cwd=PROJECT_FOLDER,
        env={**os.environ, "CFS_LOCAL_DIR": str(deployed.folder)},
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert plain.returncode == 0, plain.stderr
    assert plain.stdout.startswith(deployed.outputs()["orchestratorId"])


def test_settings_made_with_another_passphrase_are_named_as_the_cause(empty_stack: Stack, tmp_path: Path) -> None:
    account = empty_stack.engine.account
    project = tmp_path / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("{name: other, runtime: python}")
    subprocess.run(
        [f"{account.toolchain.path[0]}/pulumi", "stack", "init", "other", "--non-interactive"],
        cwd=project,
        env={**account.command_environment(), "PULUMI_CONFIG_PASSPHRASE": "another", "PULUMI_STACK": ""},
        capture_output=True,
        check=True,
        timeout=60,
    )
    salt = (project / "Pulumi.other.yaml").read_text()
    kept = [line for line in empty_stack.settings.read_text().splitlines() if not line.startswith("encryptionsalt")]
    empty_stack.settings.write_text("\n".join([*kept, salt]))

    with pytest.raises(UserError, match="passphrase does not fit the stack's settings"):
        empty_stack.up()
