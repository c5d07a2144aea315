"""Pulumi's engine on the local account."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cfs.engine import StackEngine
from cfs.recovery.pending_operations import repair_state
from cfs.recovery.state_versions import checkpoint_path
from infra.naming import LOCAL_STACK
from local import leftovers, servers
from local.account import LOCAL_REGION, RUN_MARKER_VARIABLE
from terminal.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from cfs.aws import AwsAccount
    from local.account import LocalAccount

_LOW_DISK_BYTES = 64 * 2**20


@dataclass(frozen=True, kw_only=True)
class LocalEngine(StackEngine):
    """Pulumi's engine on a local account.

    Attributes:
        account: The account.
    """

    account: LocalAccount

    @property
    def stack_name(self) -> str:
        """The stack's name."""
        return LOCAL_STACK

    def process_environment(self) -> dict[str, str]:
        """Return the environment of the engine's processes: the account's variables, and the run marker."""
        return self.account.command_environment() | {RUN_MARKER_VARIABLE: self.account.run_marker}

    @property
    def checkpoint_file(self) -> Path:
        """The file with the stack's state."""
        return self.account.backend_folder / checkpoint_path(LOCAL_STACK)

    @property
    def engine_version(self) -> str:
        """The engine's version."""
        return self.account.toolchain.version

    @property
    def work_folder(self) -> Path:
        """The account's folder."""
        return self.account.folder

    def connect_aws(self) -> AwsAccount:
        """Return the emulated account."""
        from cfs.sessions import connect_emulated  # noqa: PLC0415 — boto3 takes a quarter of a second, needed rarely

        return connect_emulated(url=self.account.aws_url, region=LOCAL_REGION)

    def read_deployment(self) -> dict[str, Any]:
        """Return the stack's state, read from its file without starting the engine."""
        try:
            checkpoint = json.loads(self.checkpoint_file.read_text())["checkpoint"]
        except FileNotFoundError:
            return {}
        return checkpoint.get("latest") or {}

    def recover_stack(self) -> bool:
        """Kill a dead run's processes, remove its lock, and adopt resources that it created but did not record."""
        return repair_state(self, self.connect_aws, died=leftovers.clear_dead_run(self.account))

    def ensure_stack(self) -> None:
        """Create the stack if it does not exist."""
        if not self.checkpoint_file.exists():
            self.query_text("stack", "init", LOCAL_STACK, "--no-select")

    def _raise_known_error(self, said: str) -> None:
        dead = servers.dead_emulators(self.account.folder)
        if dead:
            raise UserError(
                f"The {dead[0].name} died while Pulumi was running.",
                repair="run the same command again: it restarts the emulator with its data, and resumes",
            )
        free = shutil.disk_usage(self.account.folder).free
        if free < _LOW_DISK_BYTES or "no space left on device" in said.lower():
            raise UserError(
                f"The disk of {self.account.folder} is full: {free / 2**20:.0f} MiB are free.",
                repair="free some space and run the same command again, or name another folder by CFS_LOCAL_DIR",
            )
        super()._raise_known_error(said)

    def _repair_of_lock(self) -> str:
        return "wait for it to end and run the same command again; a dead run's lock is removed automatically"

    def _repair_of_silence(self) -> str:
        return "run it again; `make down` and `make up` restart the emulators"
