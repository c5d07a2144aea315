"""Pulumi at work on the stack of an environment: previews, and applies what a preview has planned."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfs.environments import find_stack_environment
from infra.naming import CONFIG_NAMESPACE
from infra.project import PROJECT_FOLDER
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cfs.engine import StackEngine

_GIT_TIMEOUT_SECONDS = 30
"""Seconds for git, which only reads the working tree."""

_DECLARING_FILES = ("__main__.py", "Pulumi.yaml", "requirements.txt", "infra")
"""What decides what the program declares, besides the settings of this run."""


@dataclass(frozen=True, kw_only=True)
class StackPreview:
    """What a preview has given.

    Attributes:
        content: Its JSON.
        plan: The file to which the engine can be held; it may hold secrets, encrypted, and is gone when the stack is
            closed.
    """

    content: dict[str, Any]
    plan: Path


class PlannedStack:
    """A stack with the settings of one run."""

    def __init__(self, engine: StackEngine, *, version: str, folder: Path) -> None:
        """Take the engine, its version, and a folder that nobody else reads."""
        self.version = version
        self._engine = engine
        self._plan = folder / "plan.json"

    def preview_plan(self) -> StackPreview:
        """Preview; what the engine complains of is in what is found."""
        return StackPreview(content=self._engine.query_preview("--save-plan", str(self._plan)), plan=self._plan)

    def apply_plan(self, plan: Path) -> None:
        """Change what a plan allows, and nothing else."""
        self._engine.run_operation("up", "--yes", "--skip-preview", "--plan", str(plan), to_stderr=True)


@contextmanager
def open_stack(environment: str, *, cluster_size: int | None) -> Iterator[PlannedStack]:
    """Open an environment's stack, with the settings of its file and the size of this run."""
    settings = find_stack_environment(environment).settings_file
    with tempfile.TemporaryDirectory(prefix="cfs-deploy-") as name:
        folder = Path(name)
        own = folder / settings.name
        # Pulumi would write the size into the file.
        shutil.copy2(settings, own)
        engine = replace(_open_engine(environment), settings=own)
        if cluster_size is not None:
            engine.query_text("config", "set", f"{CONFIG_NAMESPACE}:clusterSize", str(cluster_size))
        yield PlannedStack(engine, version=engine.engine_version, folder=folder)


def program_digest(environment: str) -> str:
    """Return the sum of the files that declare the infrastructure, committed or not, with the encrypted settings."""
    digest = hashlib.sha256()
    for declaring in (*_DECLARING_FILES, find_stack_environment(environment).settings_file.name):
        root = PROJECT_FOLDER / declaring
        files = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
        for file in files:
            path = file.relative_to(PROJECT_FOLDER)
            if not _is_of_machine(path):
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                digest.update(f"{path.as_posix()} {content}\n".encode())
    return digest.hexdigest()


def _is_of_machine(path: Path) -> bool:
    """Return whether a file is what Python, an editor or a desktop keeps there: `.DS_Store`, `.main.py.swp`."""
    return any(part == "__pycache__" or part.startswith(".") or part.endswith("~") for part in path.parts)


def head_commit() -> str:
    """Return the commit that this project's working tree has checked out."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--verify", "HEAD"],
            cwd=PROJECT_FOLDER,
            capture_output=True,
            text=True,
            check=True,
            timeout=_GIT_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        reason = str(getattr(error, "stderr", None) or error).strip().partition("\n")[0]
        raise UserError(
            f"git does not say which commit {PROJECT_FOLDER} is at: {reason}",
            repair="give the commit by --commit; where the folder belongs to another user: "
            f"git config --global --add safe.directory {PROJECT_FOLDER}",
        ) from error
    return done.stdout.strip()


def _open_engine(environment: str) -> StackEngine:
    engine = find_stack_environment(environment).open_engine()
    engine.recover_stack()
    return engine
