"""The runner of jobs: folders, environment variables, the emulated account, and the repositories to check out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from local.isolation import isolate
from measure.rehearsal.script_process import never_cancels
from toolchain.patches import limited_waits

if TYPE_CHECKING:
    from pathlib import Path

    from local.account import LocalAccount
    from measure.rehearsal.expressions import Value

_NETWORK_PREFIXES = ("GIT_SSL_", "PIP_", "SSL_CERT_", "UV_")
"""Prefixes of variables that jobs need to download packages."""

SAVE_STATE_AT_END: Mapping[str, str] = {"PULUMI_SKIP_CHECKPOINTS": "true"}
"""Variables for engines that nobody kills."""

Watcher: TypeAlias = Callable[[str], Callable[[], bool]]
"""Given a step's title, returns a function that is polled while the step runs: whether the run is cancelled."""


def nobody_cancels(_step: str) -> Callable[[], bool]:
    """Return a function that never cancels the run."""
    return never_cancels


def network_variables() -> dict[str, str]:
    """Return the caller's variables that are needed to download packages."""
    return {name: value for name, value in os.environ.items() if name.startswith(_NETWORK_PREFIXES)}


def emulated_account_variables(account: LocalAccount, *, is_cancelled: bool = False) -> dict[str, str]:
    """Return the variables that engines need only on the emulated account.

    S3 Control's host names begin with the account ID and do not exist on loopback, so the emulator acts as a proxy.
    The emulator keeps all versions of the state in memory, so the state is compressed.

    Args:
        account: The emulated account.
        is_cancelled: Whether a run may be cancelled. Otherwise the engine saves the state only at its end: saving it
            twice in each step takes most of a deployment's time.
    """
    saving = {} if is_cancelled else SAVE_STATE_AT_END
    return {"HTTP_PROXY": account.aws_url, "PULUMI_DIY_BACKEND_GZIP": "true", **saving}


def person_variables(account: LocalAccount, *, folder: Path) -> dict[str, str]:
    """Return the environment of an administrator who uses the emulated account like a real one.

    Args:
        account: The emulated account.
        folder: Folder for the administrator's Pulumi login; its subfolder `programs` is first on PATH.
    """
    variables = account.command_environment()
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_STACK"):
        del variables[name]
    return {
        **variables,
        **network_variables(),
        **emulated_account_variables(account),
        # Otherwise, a built Pulumi would share the login with all users of its cache.
        "PULUMI_CREDENTIALS_PATH": str(folder / "login"),
        "PATH": os.pathsep.join([str(folder / "programs"), variables["PATH"]]),
    }


@dataclass(frozen=True, kw_only=True)
class RunnerHost:
    """The machine that runs the jobs.

    Attributes:
        folder: Folder for all files of runs.
        account: The emulated AWS and GitHub.
        repositories: Git repositories by OWNER/NAME; the workflows of the first one run.
        releases: Folder of the repository's releases, with a subfolder for each version.
        watch: Cancels steps.
    """

    folder: Path
    account: LocalAccount
    repositories: Mapping[str, Path]
    releases: Path
    watch: Watcher = nobody_cancels

    @property
    def repository(self) -> str:
        """The repository with the workflows, OWNER/NAME."""
        return next(iter(self.repositories))

    @property
    def programs(self) -> Path:
        """The folder of programs that is first on PATH in jobs."""
        return self.folder / "programs"

    @property
    def workspace(self) -> Path:
        """The jobs' workspace, which is the same for all jobs and empty at the start of each."""
        name = self.repository.partition("/")[2]
        return self.folder / "work" / name / name

    def empty_workspace(self) -> None:
        """Remove the previous job's files."""
        shutil.rmtree(self.workspace, ignore_errors=True)
        self.workspace.mkdir(parents=True)

    def base_variables(self) -> dict[str, str]:
        """Return the initial environment of each job."""
        path = os.pathsep.join([str(self.programs), os.environ.get("PATH", os.defpath)])
        laboratory = {
            name: value
            for name, value in self.account.account_variables().items()
            if name in {"AWS_ENDPOINT_URL", "NO_PROXY", "no_proxy", limited_waits.VARIABLE}
        }
        return {
            **isolate(os.environ),
            **network_variables(),
            **emulated_account_variables(self.account, is_cancelled=self.watch is not nobody_cancels),
            **laboratory,
            "PATH": path,
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            # Emulated nodes are healthy immediately, or never.
            "CFS_SOAK_SECONDS": "1",
            "CFS_REHEARSED_RELEASES": str(self.releases),
        }


@dataclass(frozen=True, kw_only=True)
class WorkflowTrigger:
    """The trigger of a run.

    Attributes:
        event_name: The event's name, for example `workflow_dispatch`.
        ref: The full ref of the branch or pull request.
        sha: The commit.
        actor: The user who triggered the run.
        inputs: Inputs of `workflow_dispatch`.
        event: Further fields of the event.
        run_id: The run's ID, which is the same for all attempts.
        run_attempt: The attempt, from 1.
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
    """Convert the context `github` to the variables of every step, without the token."""
    return {
        f"GITHUB_{name.upper()}": value for name, value in context.items() if isinstance(value, str) and name != "token"
    }
