"""The environment `local`: the stack on the emulated account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from cfs.environments import StackEnvironment
from cfs.sessions import connect_emulated
from cfs.stack_lock import locks_path, parse_lock_file
from infra.naming import LOCAL_STACK
from local import servers
from local.account import account_folder, open_account
from local.aws.clock import CLOCK_PATH
from local.emulator_requests import send_json
from local.engine import LocalEngine
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cfs.aws import AwsAccount
    from cfs.engine import StackEngine
    from cfs.stack_lock import HeldLock

_CLOCK_SECONDS = 30.0
"""Time limit to read the clock: the emulated account first runs all scheduled actions that are due."""


@dataclass(frozen=True, kw_only=True)
class LocalEnvironment(StackEnvironment):
    """The emulated account; its emulators are started on demand."""

    @property
    def is_emulated(self) -> bool:
        """True."""
        return True

    def connect_aws(self, *, region: str | None = None) -> AwsAccount:
        """Return the account; its clock may be ahead of the machine's."""
        url = servers.ensure_emulators_running(account_folder())[servers.AWS_EMULATOR].base_url
        return connect_emulated(url=url, region=region or self.aws_region, clock=lambda: _account_time(url))

    def credential_variables(self) -> Mapping[str, str]:
        """Return the variables with the emulators' URLs and placeholder credentials."""
        return open_account().account_variables()

    def open_engine(self) -> StackEngine:
        """Obtain Pulumi, and create the stack if it does not exist."""
        engine = LocalEngine(account=open_account())
        engine.ensure_stack()
        return engine

    def state_bucket_name(self) -> None:
        """None."""

    def read_held_locks(self) -> list[HeldLock]:
        """Return the locks in the backend's folder."""
        folder = open_account().backend_folder / locks_path(self.name)
        return [parse_lock_file(path.name, path.read_bytes()) for path in sorted(folder.glob("*.json"))]

    @property
    def redeploy_command(self) -> str:
        """Refresh and deploy."""
        return "cfs local refresh && cfs local up"


def _account_time(url: str) -> datetime:
    try:
        return datetime.fromisoformat(send_json(f"{url}{CLOCK_PATH}", seconds=_CLOCK_SECONDS)["now"])
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"The emulated account does not report its time: {error}.",
            repair="check with `cfs local status` whether it runs; `make up` starts it",
        ) from error


def open_local_environment() -> LocalEnvironment:
    """Return the environment `local`."""
    return LocalEnvironment(name=LOCAL_STACK)
