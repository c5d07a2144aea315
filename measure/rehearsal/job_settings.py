"""A job's variables and secrets from the repository and from its environment, which must allow the run's branch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from local import servers
from local.github.keys import decrypt_secret
from local.github.records import KeyPair
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.account import LocalAccount
    from measure.rehearsal.runner_host import WorkflowTrigger


@dataclass(frozen=True, kw_only=True)
class JobSettings:
    """Variables and secrets of a job.

    Attributes:
        variables: Variables of the repository and the environment; the environment's take precedence.
        secrets: Secrets of the repository and the environment; the environment's take precedence.
    """

    variables: Mapping[str, str]
    secrets: Mapping[str, str]


def read_job_settings(account: LocalAccount, *, environment: str, trigger: WorkflowTrigger) -> JobSettings:
    """Read a job's variables and secrets from the GitHub stand-in; its environment must exist and allow the branch.

    Args:
        account: The emulated account.
        environment: The job's environment; empty if it has none.
        trigger: The run's trigger.
    """
    state = json.loads((account.folder / servers.GITHUB_EMULATOR.state_file).read_text())
    repository = state["repository"]
    key = KeyPair(**repository["key"])
    tables = [repository]
    if environment:
        found = repository["environments"].get(environment)
        if found is None:
            raise UserError(
                f"The repository has no environment {environment!r}; GitHub would create one without protection.",
                repair="deploy the stack that declares it first",
            )
        _check_branch(environment, found, trigger.ref)
        tables.append(found)
    return JobSettings(
        variables={name: kept["value"] for table in tables for name, kept in table["variables"].items()},
        secrets={
            name: decrypt_secret(key, kept["encrypted_value"]).decode()
            for table in tables
            for name, kept in table["secrets"].items()
        },
    )


def _check_branch(environment: str, settings: Mapping[str, Any], ref: str) -> None:
    """Refuse a run of a branch that the environment's policies do not allow."""
    patterns = [policy["name"] for policy in settings["policies"].values()]
    # For pull requests, the policy matches the full ref `refs/pull/N/merge`.
    named = ref if ref.startswith("refs/pull/") else ref.removeprefix("refs/heads/")
    if patterns and not any(fnmatchcase(named, pattern) for pattern in patterns):
        raise UserError(
            f"{named} may not deploy to {environment}, which allows {', '.join(patterns)}.",
            repair="run the workflow from a branch that the environment allows",
        )
