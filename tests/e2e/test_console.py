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

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Stack

CFS = PROJECT_FOLDER / ".venv" / "bin" / "cfs"


def cfs(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the console command on the local account in `folder`."""
    return subprocess.run(
        [CFS, *arguments],
        env={**os.environ, "CFS_LOCAL_DIR": str(folder)},
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )


def test_up_deploys_then_says_that_nothing_changes_and_down_stops_the_emulators(empty_stack: Stack) -> None:
    folder = empty_stack.engine.account.folder
    first = cfs(folder, "up")
    assert first.returncode == 0, first.stderr
    assert "orchestratorId" in first.stdout
    assert "What to try next" in first.stderr

    second = cfs(folder, "up")
    assert second.returncode == 0, second.stderr
    assert "No changes: the account is as declared." in second.stderr

    down = cfs(folder, "down")
    assert down.returncode == 0, down.stderr
    assert not any(process.is_alive() for process in servers.recorded_emulators(folder).values())


def test_plain_pulumi_works_in_a_shell_set_by_env(deployed: Stack) -> None:
    folder = deployed.engine.account.folder
    script = f'eval "$({CFS} env)" && pulumi stack output orchestratorId && pulumi preview --expect-no-changes'
    plain = subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=PROJECT_FOLDER,
        env={**os.environ, "CFS_LOCAL_DIR": str(folder)},
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert plain.returncode == 0, plain.stderr
    assert plain.stdout.startswith(deployed.outputs()["orchestratorId"])


def test_an_emulator_that_died_is_started_again_and_nothing_changes(stack: Stack) -> None:
    folder = stack.engine.account.folder
    before = servers.recorded_emulators(folder)[servers.AWS_EMULATOR]
    emulator = psutil.Process(before.pid)
    emulator.kill()
    emulator.wait(timeout=5)

    preview = cfs(folder, "preview")

    assert preview.returncode == 0, preview.stderr
    assert "emulated AWS account does not run any more: starting it again" in preview.stderr
    assert servers.recorded_emulators(folder)[servers.AWS_EMULATOR].port == before.port
    assert stack.changes("--refresh") == {}


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
