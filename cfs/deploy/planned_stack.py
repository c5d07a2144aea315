"""Previews an environment's stack with a plan, and applies exactly that plan."""

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
from cfs.recovery.failed_creations import deploy_stack
from cfs.recovery.pending_operations import has_pending
from infra.naming import CONFIG_NAMESPACE
from infra.project import PROJECT_FOLDER
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cfs.aws import AwsAccount
    from cfs.deploy.stack_locks import LockBreaker
    from cfs.engine import StackEngine

_GIT_TIMEOUT_SECONDS = 30
"""Time-out of git, which only reads the working tree."""

_DECLARING_FILES = ("__main__.py", "Pulumi.yaml", "requirements.txt", "costs", "guard", "infra", "policies")
"""Files that determine what the program declares, besides the stack's settings."""


@dataclass(frozen=True, kw_only=True)
class StackPreview:
    """A preview's JSON, and its plan file, which may contain encrypted secrets and is deleted when the stack closes."""

    content: dict[str, Any]
    plan: Path


class PlannedStack:
    """A stack with the settings of one run."""

    def __init__(
        self,
        engine: StackEngine,
        *,
        connect: Callable[[], AwsAccount],
        folder: Path,
        lock_breaker: LockBreaker | None = None,
    ) -> None:
        """Take the engine, its account, a private folder, and the breaker of locks (None: nothing will be applied)."""
        self._connect = connect
        self.version = engine.engine_version
        self._engine = engine
        self._plan = folder / "plan.json"
        self._lock_breaker = lock_breaker

    def preview_plan(self) -> StackPreview:
        """Preview and save the plan; the engine's errors are part of the content."""
        return StackPreview(content=self._engine.query_preview("--save-plan", str(self._plan)), plan=self._plan)

    def apply_plan(self, plan: Path) -> None:
        """Apply a plan; the engine refuses any other change."""
        if self._lock_breaker is None:
            raise ValueError("the stack was opened only for previews")
        self._lock_breaker.work_locked(
            lambda: deploy_stack(self._engine, self._connect, "--plan", str(plan), to_stderr=True)
        )

    def recorded_resources(self) -> list[dict[str, Any]]:
        """Return the resources of the state. A preview omits those that stay the same."""
        return list(self._engine.read_deployment().get("resources") or ())

    def is_unfinished(self) -> bool:
        """Return whether a dead run has left pending operations in the state."""
        return has_pending(self._engine)


@contextmanager
def open_stack(environment: str, *, cluster_size: int | None, applies: bool) -> Iterator[PlannedStack]:
    """Open an environment's stack with its settings file and this run's cluster size.

    `applies` first repairs the state after a dead run. On the emulated account previews do so too; on a real account
    they lack the rights.
    """
    stack_environment = find_stack_environment(environment)
    settings = stack_environment.settings_file
    plain = stack_environment.open_engine()
    lock_breaker = recover_stack(stack_environment, plain) if applies or stack_environment.is_emulated else None
    with tempfile.TemporaryDirectory(prefix="cfs-deploy-") as name:
        folder = Path(name)
        own = folder / settings.name
        # A copy, because Pulumi writes the size into the settings file.
        shutil.copy2(settings, own)
        engine = replace(plain, settings=own)
        if cluster_size is not None:
            engine.query_text("config", "set", f"{CONFIG_NAMESPACE}:clusterSize", str(cluster_size))
        yield PlannedStack(engine, connect=stack_environment.connect_aws, folder=folder, lock_breaker=lock_breaker)


def program_digest(environment: str) -> str:
    """Return the SHA-256 of the files that declare the infrastructure, committed or not, and of the settings file."""
    digest = hashlib.sha256()
    for declaring in (*_DECLARING_FILES, find_stack_environment(environment).settings_file.name):
        root = PROJECT_FOLDER / declaring
        files = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
        for file in files:
            path = file.relative_to(PROJECT_FOLDER)
            if not _is_clutter(path):
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                digest.update(f"{path.as_posix()} {content}\n".encode())
    return digest.hexdigest()


def _is_clutter(path: Path) -> bool:
    """Return whether a file comes from Python, an editor or a desktop, such as `.DS_Store` and `.main.py.swp`."""
    return any(part == "__pycache__" or part.startswith(".") or part.endswith("~") for part in path.parts)


def head_commit() -> str:
    """Return the checked-out commit of this project."""
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
            f"git does not show the commit of {PROJECT_FOLDER}: {reason}",
            repair="give --commit; if the folder belongs to another user: "
            f"git config --global --add safe.directory {PROJECT_FOLDER}",
        ) from error
    return done.stdout.strip()
