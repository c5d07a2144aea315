"""Lints workflow files with actionlint, shellcheck, zizmor and GitHub's own schemas.

The files are copied into a folder in their delivered layout, so the checkers can resolve the repository's own actions
and their inputs.
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

from infra.project import PROJECT_FOLDER
from terminal.errors import UserError
from toolchain import actionlint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CHECKER_TIMEOUT_SECONDS = 300
"""Time-out of one checker."""

SELF_REFERENCE = re.compile(r"(\buses:\s*)\$/")
"""Reference to an action of the same repository and commit. actionlint 1.7.12 knows only the older `./` and would
take `$/` for a repository: https://github.com/rhysd/actionlint/issues/711"""


@dataclass(frozen=True, kw_only=True)
class CheckerVerdict:
    """One checker's output; empty if it found nothing."""

    name: str
    findings: str


def own_workflow_files() -> Mapping[str, Path]:
    """Return this project's own workflow files and actions by path."""
    files = (path for path in (PROJECT_FOLDER / ".github").rglob("*") if path.is_file())
    return {path.relative_to(PROJECT_FOLDER).as_posix(): path for path in sorted(files)}


def check_workflows(files: Mapping[str, Path]) -> list[CheckerVerdict]:
    """Lint the files of one repository, given by their paths in it."""
    with tempfile.TemporaryDirectory(prefix="cfs-workflows-") as name:
        root = Path(name)
        # Marks the repository's root for the checkers.
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
            f"{name} did not end within {CHECKER_TIMEOUT_SECONDS} s.",
            repair="The machine may be busy: run `make workflows` again.",
        ) from error
    if done.returncode == 0:
        return CheckerVerdict(name=name, findings="")
    return CheckerVerdict(
        name=name, findings=done.stdout.strip() or f"{command[0]} ended with status {done.returncode}"
    )
