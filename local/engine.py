"""The engine at work on the local account."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cfs.engine import StackEngine
from cfs.recovery import pending
from infra.naming import NAMESPACE
from local import leftovers, servers
from local.account import REGION, RUN_MARKER, STACK
from terminal.errors import UserError
from terminal.progress import console, step

if TYPE_CHECKING:
    from pathlib import Path

    import boto3

    from local.account import LocalAccount

_LOW_DISK_BYTES = 64 * 2**20


@dataclass(frozen=True, kw_only=True)
class LocalEngine(StackEngine):
    """The engine at work on one local account.

    Attributes:
        account: The account.
    """

    account: LocalAccount

    @property
    def stack(self) -> str:
        """The stack's name."""
        return STACK

    def environment(self) -> dict[str, str]:
        """Give the environment of its processes: they reach the account, and carry its marker."""
        return self.account.environment() | {RUN_MARKER: self.account.run_marker}

    @property
    def checkpoint(self) -> Path:
        """The file that holds the stack's state."""
        return self.account.backend / ".pulumi" / "stacks" / NAMESPACE / f"{STACK}.json"

    @property
    def version(self) -> str:
        """The engine's version."""
        return self.account.toolchain.version

    @property
    def aws_url(self) -> str | None:
        """The address of the emulated account."""
        return self.account.aws_url

    def open_session(self) -> boto3.Session:
        """Return a session that reads nothing of the user's."""
        from cfs.sessions import local_session  # noqa: PLC0415 — boto3 takes a quarter of a second, needed rarely

        return local_session(region=REGION)

    def read_deployment(self) -> dict[str, Any]:
        """Return the recorded state, without starting the engine."""
        try:
            checkpoint = json.loads(self.checkpoint.read_text())["checkpoint"]
        except FileNotFoundError:
            return {}
        return checkpoint.get("latest") or {}

    def recover(self) -> bool:
        """End the processes of a dead run, remove its lock, and adopt what it had created but not recorded."""
        died = leftovers.clear(self.account)
        if not (died or pending.has_pending(self)):
            return False
        with step("Repairing what an interrupted run has left behind"):
            adopted = pending.adopt(self)
        for urn in adopted:
            console.print(
                f"  adopted {urn.rpartition('::')[2]}, which it had created but not recorded", highlight=False
            )
        return True

    def ensure_stack(self) -> None:
        """Make the stack where it does not exist yet."""
        if not self.checkpoint.exists():
            self.query("stack", "init", STACK, "--no-select")

    def _explain(self, said: str) -> None:
        dead = servers.dead(self.account.folder)
        if dead:
            raise UserError(
                f"The {dead[0].name} died while Pulumi was at work.",
                repair="run the same command again: it starts the emulator with all that it held, and goes on",
            )
        free = shutil.disk_usage(self.account.folder).free
        if free < _LOW_DISK_BYTES or "no space left on device" in said.lower():
            raise UserError(
                f"The disk of {self.account.folder} is full: {free / 2**20:.0f} MiB are free.",
                repair="free some space and run the same command again, or name another folder by CFS_LOCAL_DIR",
            )
        super()._explain(said)

    def _repair_of_lock(self) -> str:
        return "wait for it to end and run the same command again; a lock of a dead run is removed by itself"

    def _repair_of_silence(self) -> str:
        return "run it again; `make down` and `make up` start the emulators afresh"
