"""What a job gets from the repository: variables, secrets, and an environment that allows its branch."""

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
    """Variables and secrets of one job.

    Attributes:
        variables: The repository's; the environment's win.
        secrets: The same for secrets.
    """

    variables: Mapping[str, str]
    secrets: Mapping[str, str]


def read_job_settings(account: LocalAccount, *, environment: str, trigger: WorkflowTrigger) -> JobSettings:
    """Return what the GitHub stand-in has for a job.

    Args:
        account: The emulated account.
        environment: The job's environment; empty if it has none.
        trigger: What started the run.

    Raises:
        UserError: There is no such environment, or it does not allow the run's branch.
    """
    state = json.loads((account.folder / servers.GITHUB_EMULATOR.state_file).read_text())
    repository = state["repository"]
    key = KeyPair(**repository["key"])
    tables = [repository]
    if environment:
        found = repository["environments"].get(environment)
        if found is None:
            raise UserError(
                f"The repository has no environment {environment!r}; GitHub would make one without protection.",
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
    """Refuse a run of a branch that the environment's policies do not name."""
    patterns = [policy["name"] for policy in settings["policies"].values()]
    # A pull request's run is judged by `refs/pull/N/merge`, as its policy writes it.
    named = ref if ref.startswith("refs/pull/") else ref.removeprefix("refs/heads/")
    if patterns and not any(fnmatchcase(named, pattern) for pattern in patterns):
        raise UserError(
            f"{named} may not deploy to {environment}, which allows {', '.join(patterns)}.",
            repair="run the workflow from a branch that the environment allows",
        )
