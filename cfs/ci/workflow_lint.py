"""Checks workflow files by actionlint, shellcheck, zizmor and GitHub's own schemas, as they lie in a repository.

The files are put into a folder as they are delivered, so that the checkers see what GitHub sees: which action of the
repository a step uses, and with which inputs.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from terminal.errors import UserError
from toolchain import actionlint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OWN_REPOSITORY = Path(__file__).parent.parent.parent
"""This project's repository."""

CHECKER_TIMEOUT_SECONDS = 300
"""Seconds for one checker."""

SELF_REFERENCE = re.compile(r"(\buses:\s*)\$/")
"""The way to name an action of the same repository and commit; actionlint 1.7.12 knows only the older `./`, and would
take this for a repository: https://github.com/rhysd/actionlint/issues/711"""


@dataclass(frozen=True, kw_only=True)
class CheckerVerdict:
    """One checker's verdict.

    Attributes:
        name: What checked.
        findings: What it printed; empty where nothing is wrong.
    """

    name: str
    findings: str


def own_workflow_files() -> Mapping[str, Path]:
    """Return this project's own workflow files and actions by their paths."""
    files = (path for path in (OWN_REPOSITORY / ".github").rglob("*") if path.is_file())
    return {path.relative_to(OWN_REPOSITORY).as_posix(): path for path in sorted(files)}


def check_workflows(files: Mapping[str, Path]) -> list[CheckerVerdict]:
    """Check the files of one repository.

    Args:
        files: Each file by its path in the repository.
    """
    with tempfile.TemporaryDirectory(prefix="cfs-workflows-") as name:
        root = Path(name)
        # What names the repository's root to the checkers.
        (root / ".git").mkdir()
        for place, source in files.items():
            target = root / place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        workflows = [place for place in files if re.fullmatch(r"\.github/workflows/[^/]+\.ya?ml", place)]
        actions = [place for place in files if re.fullmatch(r"\.github/actions/.+/action\.ya?ml", place)]
        checks = [
            _run_checker(
                "zizmor", root, _tool_path("zizmor"), "--offline", "--quiet", "--no-progress", "--persona=auditor", "."
            ),
            _run_checker("workflow schema", root, *_schema_command("vendor.github-workflows"), *workflows),
        ]
        if actions:
            checks.append(_run_checker("action schema", root, *_schema_command("vendor.github-actions"), *actions))
        for place in (*workflows, *actions):
            text = (root / place).read_text()
            (root / place).write_text(SELF_REFERENCE.sub(r"\1./", text))
        linter = str(actionlint.obtain_actionlint())
        options = (f"-shellcheck={_tool_path('shellcheck')}", "-pyflakes=", "-no-color")
        checks.append(_run_checker("actionlint", root, linter, *options, *workflows))
    return checks


def _tool_path(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _schema_command(name: str) -> Sequence[str]:
    return (_tool_path("check-jsonschema"), "--builtin-schema", name)


def _run_checker(name: str, root: Path, *command: str) -> CheckerVerdict:
    try:
        done = subprocess.run(
            command,
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=CHECKER_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"{name} has not ended within {CHECKER_TIMEOUT_SECONDS} s.",
            repair="Run `make workflows` again; the machine is busy.",
        ) from error
    if done.returncode == 0:
        return CheckerVerdict(name=name, findings="")
    return CheckerVerdict(
        name=name, findings=done.stdout.strip() or f"{command[0]} ended with status {done.returncode}"
    )
