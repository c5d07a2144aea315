"""Runs of `pulumi` on the local account, and the errors of failed runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from cfs.engine import EngineError
from local import app as local_app
from local import servers
from local.account import LocalAccount
from local.engine import LocalEngine
from terminal.errors import UserError
from toolchain import Toolchain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def engine_that(tmp_path: Path) -> Callable[[str], LocalEngine]:
    """Return a function that creates an engine whose `pulumi` is a shell script."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (tmp_path / "account").mkdir()

    def make(script: str) -> LocalEngine:
        (programs / "pulumi").write_text(f"#!/bin/sh\n{script}\n")
        (programs / "pulumi").chmod(0o755)
        toolchain = Toolchain(origin="built", version="3.259.0", path=(programs,), env={"FROM_TOOLCHAIN": "yes"})
        account = LocalAccount(
            folder=tmp_path / "account",
            toolchain=toolchain,
            aws_url="http://127.0.0.1:1",
            github_url="http://127.0.0.1:2",
        )
        return LocalEngine(account=account)

    return make


def test_a_query_returns_the_engines_output(engine_that: Callable[[str], LocalEngine]) -> None:
    assert engine_that('echo "$@"').query_text("stack", "export") == "stack export --stack local --non-interactive\n"


OF_THE_USER = (
    *("AWS_ACCESS_KEY_ID", "AWS_CONFIG_FILE", "AWS_ENDPOINT_URL_S3", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
    *("AWS_PROFILE", "AWS_SESSION_TOKEN", "GITHUB_APP_ID", "GITHUB_ORGANIZATION", "GITHUB_OWNER", "GITHUB_TOKEN"),
    *("HTTPS_PROXY", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_DIY_BACKEND_GZIP", "PULUMI_PARALLEL", "PYTHONPATH"),
    *("TF_AWS_S3_ENDPOINT", "TF_LOG"),
)


def test_the_engine_sees_the_local_account_and_nothing_of_the_users_own(
    engine_that: Callable[[str], LocalEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OF_THE_USER:
        monkeypatch.setenv(name, "of the user")
    monkeypatch.setenv("LC_ALL", "C")
    seen = engine_that("env").query_text("stack")
    lines = seen.splitlines()
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:1" in lines
    assert "GITHUB_BASE_URL=http://127.0.0.1:2/" in lines
    assert "FROM_TOOLCHAIN=yes" in lines
    assert "PULUMI_PARALLEL=16" in lines
    assert "LC_ALL=C" in lines
    assert "of the user" not in seen


def test_a_shell_for_the_local_account_unsets_variables_that_would_redirect_it(
    engine_that: Callable[[str], LocalEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OF_THE_USER:
        monkeypatch.setenv(name, "of the user")
    monkeypatch.setenv("GITHUB_OUTPUT", "a job's own file")
    monkeypatch.setenv("NO_PROXY", "mirror.example.org")
    account = engine_that("true").account
    monkeypatch.setattr(local_app, "open_account", lambda: account)

    script = CliRunner().invoke(local_app.app, ["env"]).stdout
    shell = subprocess.run(["/bin/sh", "-c", f"{script}\nenv"], capture_output=True, text=True, check=True, timeout=20)

    variables = dict(line.split("=", 1) for line in shell.stdout.splitlines() if "=" in line)
    assert variables.items() >= account.account_variables().items()
    assert {name for name, value in variables.items() if value == "of the user"} == {
        *("HTTPS_PROXY", "PYTHONPATH", "TF_LOG")
    }
    assert variables["GITHUB_OUTPUT"] == "a job's own file"
    assert variables["NO_PROXY"] == "mirror.example.org,127.0.0.1,localhost,::1"


def test_other_settings_are_passed_only_to_operations_that_take_them(
    engine_that: Callable[[str], LocalEngine], tmp_path: Path
) -> None:
    plain = engine_that('echo "$@"')
    engine = LocalEngine(account=plain.account, settings=tmp_path / "settings.yaml")
    assert f"--config-file {tmp_path / 'settings.yaml'}" in engine.query_text("preview")
    assert "--config-file" not in engine.query_text("stack", "export")


@pytest.mark.parametrize(
    "said, problem, repair",
    [
        ("error: incorrect passphrase", "passphrase does not fit", "git checkout Pulumi.local.yaml"),
        ("error: the stack is currently locked by 1 lock(s)", "Another run is at work", "wait for it to end"),
        ("write /x: no space left on device", "disk of .* is full", "CFS_LOCAL_DIR"),
    ],
)
@pytest.mark.parametrize("way", ["run_operation", "query_text"])
def test_failures_that_the_user_can_repair_name_the_repair(
    engine_that: Callable[[str], LocalEngine], way: str, said: str, problem: str, repair: str
) -> None:
    engine = engine_that(f"echo '{said}' >&2; exit 255")
    with pytest.raises(UserError, match=problem) as failure:
        getattr(engine, way)("up")
    assert repair in failure.value.repair


def test_a_dead_emulator_is_named(engine_that: Callable[[str], LocalEngine]) -> None:
    engine = engine_that("echo 'connection refused' >&2; exit 255")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    record = {servers.AWS_EMULATOR.module: {"pid": ended.pid, "created": 1.0, "port": 1}}
    (engine.account.folder / "servers.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="The emulated AWS account died while Pulumi was running") as failure:
        engine.query_text("up")
    assert "run the same command again" in failure.value.repair


def test_the_engine_has_a_user_even_if_the_machine_knows_none(
    engine_that: Callable[[str], LocalEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("USER", raising=False)
    assert engine_that("echo user:$USER").query_text("whoami") == f"user:{os.getuid()}\n"


def test_any_other_failure_keeps_the_engines_own_words(engine_that: Callable[[str], LocalEngine]) -> None:
    with pytest.raises(EngineError, match="ended with status 7\nboom"):
        engine_that("echo boom >&2; exit 7").query_text("up")


def test_a_killed_engine_is_reported_by_its_signal(engine_that: Callable[[str], LocalEngine]) -> None:
    with pytest.raises(EngineError) as failure:
        engine_that("kill -9 $$").run_operation("up")
    assert failure.value.status == -signal.SIGKILL


def test_a_missing_engine_is_a_users_error(
    engine_that: Callable[[str], LocalEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_that("true")
    (engine.account.toolchain.path[0] / "pulumi").unlink()
    monkeypatch.setenv("PATH", str(engine.account.folder))
    with pytest.raises(UserError, match="There is no pulumi on") as failure:
        engine.query_text("stack")
    assert "make up" in failure.value.repair


def test_the_stack_is_created_only_if_it_does_not_exist(
    engine_that: Callable[[str], LocalEngine], tmp_path: Path
) -> None:
    engine = engine_that(f'echo "$@" >> {tmp_path}/calls')
    engine.ensure_stack()
    engine.checkpoint_file.parent.mkdir(parents=True)
    engine.checkpoint_file.write_text("{}")
    engine.ensure_stack()
    assert (tmp_path / "calls").read_text().splitlines() == ["stack init local --no-select --non-interactive"]
