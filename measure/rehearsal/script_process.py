"""Runs the process of a `run:` step, and cancels it as GitHub's runner does.

On cancellation and at a time-out the runner sends SIGINT only to the process that it has started, SIGTERM 7.5 seconds
later, and kills the whole process tree 2.5 seconds after that:
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-cancellation
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SIGNALS = ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5))
"""The runner's signals, each with the following wait in seconds."""

SHELL = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")
"""`shell: bash`: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell"""

_POLL_SECONDS = 0.02
_FILES = ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")


class Outcome(StrEnum):
    """The outcome of a step or job."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class ScriptResult:
    """The result of a script.

    Attributes:
        outcome: The outcome.
        session: Session ID of the script's processes, some of which may still be running.
        output: The script's output.
        outputs: The step's outputs.
        variables: Variables for later steps.
        summary: Markdown for the run's summary page.
    """

    outcome: Outcome
    session: int = 0
    output: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    summary: str = ""


def never_cancels() -> bool:
    """Return False."""
    return False


def run_script(
    script: str,
    *,
    folder: Path,
    variables: Mapping[str, str],
    timeout_seconds: float,
    is_cancelled: Callable[[], bool] = never_cancels,
) -> ScriptResult:
    """Run a script until it ends, times out or is cancelled.

    Args:
        script: The Bash script.
        folder: The working directory.
        variables: The script's complete environment.
        timeout_seconds: Time limit, after which the script is stopped as by a cancellation, and counts as failed.
        is_cancelled: Polled while the script runs; once it returns True, the script is cancelled.
    """
    with tempfile.TemporaryDirectory(prefix="step-") as work, Path(work, "log").open("w+", encoding="utf-8") as log:
        file = Path(work, "script.sh")
        file.write_text(script, encoding="utf-8")
        files = {name: Path(work, name) for name in _FILES}
        for path in files.values():
            path.touch()
        process = subprocess.Popen(
            [*SHELL, str(file)],
            cwd=folder,
            env={**variables, **{name: str(path) for name, path in files.items()}},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_heed_interrupts,  # noqa: PLW1509 — takes no lock that another thread could hold
        )
        try:
            outcome = _await_end(process, deadline=time.monotonic() + timeout_seconds, is_cancelled=is_cancelled)
        except BaseException:
            kill_session(process.pid)
            raise
        log.seek(0)
        return ScriptResult(
            outcome=outcome,
            session=process.pid,
            output=log.read(),
            outputs=read_assignments(files["GITHUB_OUTPUT"]),
            variables=read_assignments(files["GITHUB_ENV"]),
            summary=files["GITHUB_STEP_SUMMARY"].read_text(),
        )


def _heed_interrupts() -> None:
    """Restore SIGINT's default action: commands that a shell starts in the background inherit an ignored SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def read_assignments(file: Path) -> dict[str, str]:
    """Parse a file of `NAME=VALUE` lines; the project's workflows set no values of several lines."""
    return dict(line.split("=", 1) for line in file.read_text(encoding="utf-8").splitlines())


def _await_end(process: subprocess.Popen[bytes], *, deadline: float, is_cancelled: Callable[[], bool]) -> Outcome:
    while process.poll() is None:
        if is_cancelled():
            _cancel_process(process)
            return Outcome.CANCELLED
        if time.monotonic() > deadline:
            _cancel_process(process)
            return Outcome.FAILURE
        time.sleep(_POLL_SECONDS)
    return Outcome.SUCCESS if process.returncode == 0 else Outcome.FAILURE


def _cancel_process(process: subprocess.Popen[bytes]) -> None:
    for number, seconds in SIGNALS:
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return
    kill_session(process.pid)
    process.wait()


def kill_session(session: int) -> None:
    """Kill the processes of a session, as the runner does at the end of a job with processes that steps have left."""
    left = []
    for candidate in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getsid(candidate.pid) == session:
                candidate.kill()
                left.append(candidate)
    psutil.wait_procs(left, timeout=5)
