"""The local account: its folder, its emulators, and the environment variables that select it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cfs.engine import ENGINE_SETTINGS
from cfs.loopback import proxy_exceptions
from infra.config.variables import find_redirects
from infra.naming import LOCAL_STACK
from infra.project import PROJECT_FOLDER
from local import servers
from local.isolation import NO_FILES, isolate
from toolchain import obtain_toolchain
from toolchain.patches import limited_waits

if TYPE_CHECKING:
    from toolchain import Toolchain

RUN_MARKER_VARIABLE = "CFS_RUN"
"""Environment variable that marks a run's processes, to find those of a dead run."""

LOCAL_PASSPHRASE = "local"  # noqa: S105 — protects nothing: the stack's only secret is a placeholder in an emulator
PLACEHOLDER_ACCESS_KEY = "test"
"""Access key ID and secret access key of the placeholder credentials."""

LOCAL_REGION = "us-west-2"

EMULATOR_LONGEST_WAIT = "20ms"
"""Maximum wait between the AWS provider's polls, as the emulated account applies every change immediately."""

_READ_BY_ENGINE = ("AWS_", "PULUMI_", "TF_AWS_")
"""Prefixes of variables that the engine and AWS's SDKs read."""


def account_folder() -> Path:
    """Return the local account's folder: $CFS_LOCAL_DIR, or else `.local`."""
    return Path(os.environ.get("CFS_LOCAL_DIR") or PROJECT_FOLDER / ".local").absolute()


@dataclass(frozen=True, kw_only=True)
class LocalAccount:
    """A running local account.

    Attributes:
        folder: Folder for the state of Pulumi and the emulators.
        toolchain: The Pulumi toolchain to use.
        aws_url: URL of the emulated AWS.
        github_url: URL of the emulated GitHub.
    """

    folder: Path
    toolchain: Toolchain
    aws_url: str
    github_url: str

    @property
    def backend_folder(self) -> Path:
        """The folder for Pulumi's state."""
        return self.folder / "pulumi"

    @property
    def run_marker(self) -> str:
        """The value of `CFS_RUN` in processes of this account's runs."""
        return str(self.folder)

    def account_variables(self) -> dict[str, str]:
        """Return the variables that make `pulumi`, `aws` and boto3 use this account."""
        return {
            "PATH": os.pathsep.join([*map(str, self.toolchain.path), os.environ.get("PATH", os.defpath)]),
            **self.toolchain.env,
            **ENGINE_SETTINGS,
            # Without metadata files: they are not written atomically, and an engine that is killed may leave an empty
            # one, which makes the state unreadable (https://pkg.go.dev/gocloud.dev/blob/fileblob).
            "PULUMI_BACKEND_URL": f"{self.backend_folder.as_uri()}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": LOCAL_PASSPHRASE,
            "PULUMI_STACK": LOCAL_STACK,
            "AWS_ENDPOINT_URL": self.aws_url,
            "AWS_ACCESS_KEY_ID": PLACEHOLDER_ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": PLACEHOLDER_ACCESS_KEY,
            "AWS_REGION": LOCAL_REGION,
            "AWS_DEFAULT_REGION": LOCAL_REGION,
            **NO_FILES,
            **proxy_exceptions(os.environ),
            limited_waits.VARIABLE: EMULATOR_LONGEST_WAIT,
            "GITHUB_BASE_URL": f"{self.github_url}/",
            "GITHUB_TOKEN": "ghp_local",
        }

    def command_environment(self) -> dict[str, str]:
        """Return the complete environment of a command on this account."""
        return isolate(os.environ) | self.account_variables()

    def foreign_variables(self) -> list[str]:
        """Return the user's variables that would make `pulumi`, `aws` or boto3 in a shell use another account."""
        of_engine = {name for name in os.environ if name.startswith(_READ_BY_ENGINE) and name.isidentifier()}
        return sorted(of_engine.union(find_redirects(os.environ)).difference(self.account_variables()))


def open_account() -> LocalAccount:
    """Obtain Pulumi, and start emulators that are not running."""
    toolchain = obtain_toolchain()
    where = account_folder()
    processes = servers.ensure_emulators_running(where)
    account = LocalAccount(
        folder=where,
        toolchain=toolchain,
        aws_url=processes[servers.AWS_EMULATOR].base_url,
        github_url=processes[servers.GITHUB_EMULATOR].base_url,
    )
    account.backend_folder.mkdir(parents=True, exist_ok=True)
    return account
