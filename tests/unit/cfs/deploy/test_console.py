"""The commands: what they take, what they write for people, programs and GitHub, and how they end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from cfs.deploy import steps
from cfs.deploy.environments import open_target_environment
from cli.app import app
from terminal.errors import UserError
from terminal.results import CommandResult

if TYPE_CHECKING:
    from pathlib import Path

RESULT = CommandResult(text="done [bold]", figures={"n": 1}, exit_code=3)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["deploy", *arguments])


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Note what a roll-out was told instead of doing it."""
    seen: list[Any] = []

    def roll_out(*arguments: object, **options: object) -> CommandResult:
        seen.append((arguments, options))
        return RESULT

    monkeypatch.setattr(steps, "roll_out_release", roll_out)
    for variable in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.delenv(variable, raising=False)
    return seen


def test_a_command_ends_with_the_exit_code_of_its_result(told: list[Any]) -> None:
    done = run("roll-out", "--environment", "prod", "--release", "r", "--soak", "0")
    assert (done.exit_code, done.stdout) == (3, "done [bold]\n")
    assert told == [(("prod", "r"), {"sha256": None, "soak": 0.0})]


def test_json_is_all_that_is_on_stdout(told: list[Any]) -> None:
    done = run("roll-out", "--environment", "prod", "--release", "r", "--sha256", "s", "--json")
    assert json.loads(done.stdout) == {"n": 1}
    assert told[0][1] == {"sha256": "s", "soak": 60.0}


@pytest.mark.parametrize("soak", ["-1", "3601"])
def test_a_soak_out_of_bounds_is_wrong_usage(told: list[Any], soak: str) -> None:
    assert run("roll-out", "--environment", "prod", "--release", "r", "--soak", soak).exit_code == 2
    assert told == []


@pytest.mark.parametrize("command", ["publish", "preview", "apply", "roll-out", "roll-back", "status"])
def test_each_command_says_what_it_takes(command: str) -> None:
    done = run(command, "--help")
    assert done.exit_code == 0
    assert "--environment" in done.stdout
    assert "--json" in done.stdout


def test_an_environment_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(UserError, match="no environment 'production'") as raised:
        open_target_environment("production")
    assert "local, prod, staging" in raised.value.repair


def test_an_environment_takes_its_region_from_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cfs.environments.PROJECT_FOLDER", tmp_path)
    (tmp_path / "Pulumi.east.yaml").write_text("config:\n  aws:region: us-east-2\n")
    (tmp_path / "Pulumi.none.yaml").write_text("")
    found = open_target_environment("east")
    assert (found.aws.region, found.aws.url) == ("us-east-2", None)
    assert found.aws.make_client("s3").meta.region_name == "us-east-2"
    with pytest.raises(UserError, match="does not set aws:region"):
        open_target_environment("none")


def test_a_profile_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(UserError, match="nobody"):
        open_target_environment("prod")
