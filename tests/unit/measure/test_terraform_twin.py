"""The Terraform configuration that the bench times beside the stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.account import LocalAccount
from local.engine import LocalEngine
from measure.bench.terraform_twin import twin_commands
from terminal.errors import UserError
from toolchain import Toolchain

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalEngine:
    """Return the engine of an account on a machine whose `terraform` does nothing."""
    program = tmp_path / "bin" / "terraform"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    toolchain = Toolchain(origin="built", version="3", path=(), env={"GOGC": "400"})
    account = LocalAccount(
        folder=tmp_path / "account", toolchain=toolchain, aws_url="http://127.0.0.1:1", github_url=""
    )
    account.folder.mkdir()
    return LocalEngine(account=account)


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    folder = tmp_path / "twin"
    folder.mkdir()
    (folder / "main.tf").write_text("")
    (folder / "terraform.tfstate").write_text("{}")
    return folder


def test_terraform_runs_on_a_copy_without_a_state_and_without_pulumis_tuning(
    engine: LocalEngine, configuration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", "/mirror.rc")
    commands = twin_commands(engine, configuration)
    assert [command.arguments[1] for command in commands.values()] == ["apply", "plan", "plan", "destroy"]
    for command in commands.values():
        assert [file.name for file in command.folder.iterdir()] == ["main.tf"]
        assert command.environment["TF_CLI_CONFIG_FILE"] == "/mirror.rc"
        assert command.environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
        assert "GOGC" not in command.environment


def test_a_folder_without_a_configuration_is_named(engine: LocalEngine, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"bin has no \*\.tf file"):
        twin_commands(engine, tmp_path / "bin")


def test_a_machine_without_terraform_is_told(
    engine: LocalEngine, configuration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(configuration))
    with pytest.raises(UserError, match="no `terraform` on PATH"):
        twin_commands(engine, configuration)
