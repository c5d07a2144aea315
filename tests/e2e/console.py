"""Runs the console's commands in a separate process, or in the test's process."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

from cli.app import app
from infra.project import PROJECT_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

CFS = PROJECT_FOLDER / ".venv" / "bin" / "cfs"
LIMIT = 300
"""Time limit for a command, in seconds."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """The outcome of a command.

    Attributes:
        status: The exit status.
        stdout: Standard output: the result.
        stderr: Standard error: progress and messages.
    """

    status: int
    stdout: str
    stderr: str

    def json(self) -> dict[str, Any]:
        """Return the result of a successful command with `--json`."""
        assert self.status == 0, self.stdout + self.stderr
        figures: dict[str, Any] = json.loads(self.stdout)
        return figures


def run_cfs(folder: Path, *arguments: str) -> Done:
    """Run a command on the local account in `folder`, as a user does."""
    done = subprocess.run(
        [CFS, *arguments],
        env={**os.environ, "CFS_LOCAL_DIR": str(folder)},
        capture_output=True,
        check=False,
        text=True,
        timeout=LIMIT,
    )
    return Done(status=done.returncode, stdout=done.stdout, stderr=done.stderr)


def call_cfs(*arguments: str) -> Done:
    """Run a command in this process, on the local account selected by the environment; errors propagate."""
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    return Done(status=done.exit_code, stdout=done.stdout, stderr=done.stderr)
