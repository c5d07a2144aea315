"""Where jobs run, and what they find there: folders, the emulated account, and the repositories that they check out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from local.isolation import isolate
from measure.rehearsal.script_process import never_cancels
from toolchain import waits

if TYPE_CHECKING:
    from pathlib import Path

    from local.account import LocalAccount
    from measure.rehearsal.expressions import Value

_NETWORK_PREFIXES = ("GIT_SSL_", "PIP_", "SSL_CERT_", "UV_")
"""Beginnings of the names of variables by which jobs reach the packages that they install."""

Watcher: TypeAlias = Callable[[str], Callable[[], bool]]
"""Given a step's title, returns what is asked all the time while it runs whether the run is cancelled."""


def nobody_cancels(_step: str) -> Callable[[], bool]:
    """Return what never cancels."""
    return never_cancels


def network_variables() -> dict[str, str]:
    """Return the caller's variables by which packages are reached."""
    return {name: value for name, value in os.environ.items() if name.startswith(_NETWORK_PREFIXES)}


def emulated_account_variables(account: LocalAccount) -> dict[str, str]:
    """Return the variables that engines need on the emulated account alone.

    S3 Control's host name begins with the account's number, which loopback cannot: the emulator serves it as a proxy.
    The engine writes its whole state after each step, and the emulator keeps all versions in memory: so compressed.
    """
    return {"HTTP_PROXY": account.aws_url, "PULUMI_DIY_BACKEND_GZIP": "true"}


def person_variables(account: LocalAccount, *, folder: Path) -> dict[str, str]:
    """Return the environment of a person who works on the emulated account as on a real one.

    Args:
        account: The emulated account.
        folder: Keeps the person's login to a backend; what it has in `programs` is found before all other programs.
    """
    variables = account.command_environment()
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_STACK"):
        del variables[name]
    return {
        **variables,
        **network_variables(),
        **emulated_account_variables(account),
        # Else everybody's on this machine where Pulumi was built.
        "PULUMI_CREDENTIALS_PATH": str(folder / "login"),
        "PATH": os.pathsep.join([str(folder / "programs"), variables["PATH"]]),
    }


@dataclass(frozen=True, kw_only=True)
class RunnerHost:
    """The machine of the jobs.

    Attributes:
        folder: All that runs leave.
        account: The emulated AWS and GitHub.
        repositories: Bare Git repositories by OWNER/NAME; the first is the one whose workflows run.
        releases: The files of the repository's releases, a folder for each version.
        watch: Who may cancel.
    """

    folder: Path
    account: LocalAccount
    repositories: Mapping[str, Path]
    releases: Path
    watch: Watcher = nobody_cancels

    @property
    def repository(self) -> str:
        """The repository whose workflows run, OWNER/NAME."""
        return next(iter(self.repositories))

    @property
    def programs(self) -> Path:
        """The programs that jobs find before all others."""
        return self.folder / "programs"

    @property
    def workspace(self) -> Path:
        """The folder that jobs work in; the same for all, and empty when a job begins."""
        name = self.repository.partition("/")[2]
        return self.folder / "work" / name / name

    def empty_workspace(self) -> None:
        """Remove what the job before has left."""
        shutil.rmtree(self.workspace, ignore_errors=True)
        self.workspace.mkdir(parents=True)

    def base_variables(self) -> dict[str, str]:
        """Return what the environment of each job begins with."""
        path = os.pathsep.join([str(self.programs), os.environ.get("PATH", os.defpath)])
        laboratory = {
            name: value
            for name, value in self.account.account_variables().items()
            if name in {"AWS_ENDPOINT_URL", "NO_PROXY", "no_proxy", waits.VARIABLE}
        }
        return {
            **isolate(os.environ),
            **network_variables(),
            **emulated_account_variables(self.account),
            **laboratory,
            "PATH": path,
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            # Emulated nodes are green at once, or never.
            "CFS_SOAK_SECONDS": "1",
            "CFS_REHEARSED_RELEASES": str(self.releases),
        }


@dataclass(frozen=True, kw_only=True)
class WorkflowTrigger:
    """What starts a run.

    Attributes:
        event_name: GitHub's name, such as `workflow_dispatch`.
        ref: The full name of the branch or pull request.
        sha: The commit.
        actor: Who.
        inputs: What a person chose.
        event: Further fields of the event.
        run_id: The run's number; a second attempt has the same.
        run_attempt: Counts from 1.
    """

    event_name: str
    ref: str
    sha: str
    actor: str
    run_id: int
    run_attempt: int = 1
    inputs: Mapping[str, str] = field(default_factory=dict)
    event: Mapping[str, Any] = field(default_factory=dict)

    def github_context(self, host: RunnerHost, *, job: str) -> dict[str, Value]:
        """Return the context `github` of a job."""
        return {
            "actor": self.actor,
            "api_url": host.account.github_url,
            "event": self.event,
            "event_name": self.event_name,
            "job": job,
            "ref": self.ref,
            "ref_name": self.ref.removeprefix("refs/heads/").removeprefix("refs/pull/"),
            "repository": host.repository,
            "repository_owner": host.repository.partition("/")[0],
            "run_attempt": str(self.run_attempt),
            "run_id": str(self.run_id),
            "server_url": host.account.github_url,
            "sha": self.sha,
            "token": f"ghs_{self.run_id}",
            "workspace": str(host.workspace),
        }


def context_variables(context: Mapping[str, Value]) -> dict[str, str]:
    """Return the context `github` as the variables that every step gets, without the token."""
    return {
        f"GITHUB_{name.upper()}": value for name, value in context.items() if isinstance(value, str) and name != "token"
    }
