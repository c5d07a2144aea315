"""Scripts of steps, ended as GitHub's runner ends them."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from measure.rehearsal import script_process
from measure.rehearsal.script_process import Outcome, kill_session, run_script

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VARIABLES = {"PATH": os.environ["PATH"]}


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        script_process, "SIGNALS", tuple((number, seconds / 10) for number, seconds in script_process.SIGNALS)
    )


def once_there(path: Path) -> Callable[[], bool]:
    return path.exists


def test_a_script_leaves_outputs_variables_and_a_summary(tmp_path: Path) -> None:
    script = "\n".join(
        f"echo {text} >> ${name}"
        for name, text in (
            ("GITHUB_OUTPUT", "digest=a=b"),
            ("GITHUB_ENV", "NAME=value"),
            ("GITHUB_STEP_SUMMARY", "'# Done'"),
        )
    )
    done = run_script(f"{script}\npwd", folder=tmp_path, variables=VARIABLES, timeout_seconds=10)
    assert (done.outcome, done.outputs, done.variables) == (
        Outcome.SUCCESS,
        {"digest": "a=b"},
        {"NAME": "value"},
    )
    assert (done.summary, done.output.strip()) == ("# Done\n", str(tmp_path))


@pytest.mark.parametrize("script", ["false\ntrue", "false | true"])
def test_the_first_command_that_fails_ends_the_script(script: str, tmp_path: Path) -> None:
    assert run_script(script, folder=tmp_path, variables=VARIABLES, timeout_seconds=10).outcome == Outcome.FAILURE


def test_a_program_that_the_script_became_hears_the_cancellation(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    program = f"trap 'echo heard; exit 1' INT; touch {begun}; while :; do sleep 0.05; done"
    done = run_script(
        f'exec bash -c "{program}"',
        folder=tmp_path,
        variables=VARIABLES,
        timeout_seconds=10,
        is_cancelled=once_there(begun),
    )
    assert (done.outcome, done.output) == (Outcome.CANCELLED, "heard\n")


def test_a_program_that_the_script_waits_for_hears_nothing_and_lives_until_the_job_ends(
    tmp_path: Path,
    short_waits: None,  # noqa: ARG001
) -> None:
    begun = tmp_path / "begun"
    done = run_script(
        f"bash -c \"trap 'touch heard' INT TERM; echo \\$\\$ > pid; touch {begun}; sleep 60\"\ntrue",
        folder=tmp_path,
        variables=VARIABLES,
        timeout_seconds=10,
        is_cancelled=once_there(begun),
    )
    orphan = psutil.Process(int((tmp_path / "pid").read_text()))
    assert (done.outcome, (tmp_path / "heard").exists()) == (Outcome.CANCELLED, False)
    assert orphan.is_running()
    kill_session(done.session)
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE


def test_a_script_that_takes_too_long_is_ended_and_has_failed(
    tmp_path: Path,
    short_waits: None,  # noqa: ARG001
) -> None:
    began = time.monotonic()
    done = run_script("trap '' INT TERM; sleep 60", folder=tmp_path, variables=VARIABLES, timeout_seconds=0.1)
    assert done.outcome == Outcome.FAILURE
    assert time.monotonic() - began < 5
