"""The commands: their options, their output for people, programs and GitHub, and their exit codes."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from cfs.deploy import app as deploying
from cli.app import app
from terminal.errors import UserError
from terminal.results import CommandResult

RESULT = CommandResult(text="done [bold]", figures={"n": 1}, exit_code=3)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["deploy", *arguments])


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record the arguments of a roll-out instead of performing it."""
    seen: list[Any] = []

    def note(*arguments: object, **options: object) -> Any:
        seen.append((*arguments, options))
        return SimpleNamespace(store="bucket", is_as_asked=False, red_nodes={"i-1": "red"})

    for name in ("_roll_out_context", "read_release_target", "run_roll_out", "count_outcome"):
        monkeypatch.setattr(deploying, name, note)
    monkeypatch.setattr(deploying, "roll_out_result", lambda *_, **__: RESULT)
    for variable in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.delenv(variable, raising=False)
    return seen


def test_a_command_ends_with_the_exit_code_of_its_result(told: list[Any]) -> None:
    done = run("roll-out", "--environment", "prod", "--release", "r", "--soak", "0")
    assert (done.exit_code, done.stdout) == (3, "done [bold]\n")
    assert told[:2] == [("prod", {"soak": 0.0}), ("bucket", "r", {"sha256": None})]
    assert told[3:] == [("prod", {"has_failed": True, "failed_probes": 1})]


def test_a_deployment_that_ends_with_an_error_is_counted_as_failed(
    told: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise UserError("The plan is stale.", repair="again")

    monkeypatch.setattr(deploying, "apply_reviewed", fail)
    monkeypatch.setattr("cfs.deploy.outcome_metric.count_outcome", lambda *given, **named: told.append((*given, named)))

    assert isinstance(run("apply", "--environment", "prod", "--digest", "d").exception, UserError)
    assert told == [("prod", {"has_failed": True})]


def test_stdout_has_only_json(told: list[Any]) -> None:
    done = run("roll-out", "--environment", "prod", "--release", "r", "--sha256", "s", "--json")
    assert json.loads(done.stdout) == {"n": 1}
    assert told[:2] == [("prod", {"soak": 60.0}), ("bucket", "r", {"sha256": "s"})]


@pytest.mark.parametrize("soak", ["-1", "3601"])
def test_a_soak_out_of_bounds_is_a_usage_error(told: list[Any], soak: str) -> None:
    assert run("roll-out", "--environment", "prod", "--release", "r", "--soak", soak).exit_code == 2
    assert told == []


@pytest.mark.parametrize("command", ["publish", "preview", "apply", "roll-out", "roll-back", "status"])
def test_each_command_documents_its_options(command: str) -> None:
    done = run(command, "--help")
    assert done.exit_code == 0
    assert "--environment" in done.stdout
    assert "--json" in done.stdout
