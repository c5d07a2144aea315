"""The local account as the operator's commands see it: its folder, its servers, and the shell that reaches them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cfs.loopback import proxy_exceptions
from infra.config.variables import find_redirects
from infra.naming import LOCAL_STACK
from infra.project import PROJECT_FOLDER
from local import servers
from local.isolation import NO_FILES, isolate
from toolchain import obtain_toolchain, waits

if TYPE_CHECKING:
    from toolchain import Toolchain

RUN_MARKER_VARIABLE = "CFS_RUN"
"""Variable in the environment of each run's processes, by which those of a dead run are found."""

LOCAL_PASSPHRASE = "local"  # noqa: S105 — protects nothing: the stack's one secret is a placeholder in an emulator
PLACEHOLDER_ACCESS_KEY = "test"
"""Both parts of the placeholder credentials."""

LOCAL_REGION = "us-west-2"

EMULATOR_LONGEST_WAIT = "20ms"
"""How long the AWS provider waits at most between two looks at an account that does at once what it is asked for."""

_READ_BY_ENGINE = ("AWS_", "PULUMI_", "TF_AWS_")
"""Beginnings of the names of variables that the engine and AWS's SDKs read."""


def account_folder() -> Path:
    """Return the folder that holds the local account: `.local`, or what CFS_LOCAL_DIR names."""
    return Path(os.environ.get("CFS_LOCAL_DIR") or PROJECT_FOLDER / ".local").absolute()


@dataclass(frozen=True, kw_only=True)
class LocalAccount:
    """A running local account.

    Attributes:
        folder: Where it keeps its state, Pulumi's and the emulators'.
        toolchain: The Pulumi that works on it.
        aws_url: Where the emulated AWS answers.
        github_url: Where the emulated GitHub answers.
    """

    folder: Path
    toolchain: Toolchain
    aws_url: str
    github_url: str

    @property
    def backend_folder(self) -> Path:
        """The folder of Pulumi's state."""
        return self.folder / "pulumi"

    @property
    def run_marker(self) -> str:
        """The value of `CFS_RUN` in the environment of the processes of this account's runs."""
        return str(self.folder)

    def account_variables(self) -> dict[str, str]:
        """Return the variables that make `pulumi`, `aws` and boto3 work on this account."""
        return {
            "PATH": os.pathsep.join([*map(str, self.toolchain.path), os.environ.get("PATH", os.defpath)]),
            **self.toolchain.env,
            # Without files beside the state's: they are not written at once, and an engine that is killed leaves one
            # empty, after which the state cannot be read (https://pkg.go.dev/gocloud.dev/blob/fileblob).
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
            waits.VARIABLE: EMULATOR_LONGEST_WAIT,
            "GITHUB_BASE_URL": f"{self.github_url}/",
            "GITHUB_TOKEN": "ghp_local",
        }

    def command_environment(self) -> dict[str, str]:
        """Return the whole environment of a command on this account."""
        return isolate(os.environ) | self.account_variables()

    def foreign_variables(self) -> list[str]:
        """Return the names of the user's variables that would lead a shell's `pulumi`, `aws` or boto3 elsewhere."""
        of_engine = {name for name in os.environ if name.startswith(_READ_BY_ENGINE) and name.isidentifier()}
        return sorted(of_engine.union(find_redirects(os.environ)).difference(self.account_variables()))


def open_account() -> LocalAccount:
    """Get Pulumi and start what does not run yet."""
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
