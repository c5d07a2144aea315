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

from cfs.deploy.recover import recover_stack
from cfs.environments import find_stack_environment
from cfs.recovery.pending_operations import has_pending
from infra.naming import CONFIG_NAMESPACE
from infra.project import PROJECT_FOLDER
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cfs.deploy.stack_locks import LockBreaker
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

    def __init__(self, engine: StackEngine, *, folder: Path, lock_breaker: LockBreaker | None = None) -> None:
        """Prepare to work on it.

        Args:
            engine: The engine at work on it.
            folder: A folder that nobody else reads.
            lock_breaker: Takes its lock from a dead run; None: nothing will be applied.
        """
        self.version = engine.engine_version
        self._engine = engine
        self._plan = folder / "plan.json"
        self._lock_breaker = lock_breaker

    def preview_plan(self) -> StackPreview:
        """Preview; what the engine complains of is in what is found."""
        return StackPreview(content=self._engine.query_preview("--save-plan", str(self._plan)), plan=self._plan)

    def apply_plan(self, plan: Path) -> None:
        """Change what a plan allows, and nothing else."""
        up = ("up", "--yes", "--skip-preview", "--plan", str(plan))
        if self._lock_breaker is None:
            raise ValueError("the stack was opened for previews alone")
        self._lock_breaker.work_locked(lambda: self._engine.run_operation(*up, to_stderr=True))

    def is_unfinished(self) -> bool:
        """Return whether the state holds what a dead run has begun and not finished."""
        return has_pending(self._engine)


@contextmanager
def open_stack(environment: str, *, cluster_size: int | None, applies: bool) -> Iterator[PlannedStack]:
    """Open an environment's stack, with the settings of its file and the size of this run.

    Args:
        environment: The stack's name.
        cluster_size: Storage nodes; None: what its file says.
        applies: Whether it will be changed, and so what a dead run has left is repaired first. Previews on a real
            account have no right to do so.
    """
    found = find_stack_environment(environment)
    settings = found.settings_file
    plain = found.open_engine()
    lock_breaker = recover_stack(found, plain) if applies or found.is_emulated else None
    with tempfile.TemporaryDirectory(prefix="cfs-deploy-") as name:
        folder = Path(name)
        own = folder / settings.name
        # Pulumi would write the size into the file.
        shutil.copy2(settings, own)
        engine = replace(plain, settings=own)
        if cluster_size is not None:
            engine.query_text("config", "set", f"{CONFIG_NAMESPACE}:clusterSize", str(cluster_size))
        yield PlannedStack(engine, folder=folder, lock_breaker=lock_breaker)


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
