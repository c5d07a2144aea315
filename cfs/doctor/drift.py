"""What somebody has changed at GitHub that a deployment alone would neither see nor repair.

The provider looks at files only in a refresh. Of secrets GitHub never shows the value, only when it was written last;
the provider records that and does not act on it. A pull request that was merged or closed is as good to it as an open
one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cfs.doctor import workflows
from cfs.doctor.client import Client, Missing
from cfs.doctor.resource_types import BRANCH, ENVIRONMENT_SECRET, FILE, PULL_REQUEST, REPOSITORY_SECRET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cfs.doctor.target import Target

_TO_THE_SECOND = len("2026-01-01T00:00:00")


@dataclass(frozen=True, kw_only=True)
class Drift:
    """What was changed.

    Attributes:
        stale: URNs of files that were edited, and of all that belongs to a pull request that is open no longer; a
            deployment brings them again once a refresh has seen them.
        replaced: URNs of secrets that were written or deleted, and of pull requests that are open no longer; a
            deployment that replaces them makes them again.
    """

    stale: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()


def find(target: Target, recorded: Sequence[dict[str, Any]]) -> Drift:
    """Compare GitHub with a stack's state.

    Args:
        target: The stack.
        recorded: What of GitHub its state holds.

    Raises:
        UserError: GitHub cannot be asked.
    """
    client = Client(token=target.token, base_url=target.base_url)
    repository = f"{target.settings.github_owner}/{target.settings.github_repository}"
    ended = [of for of in recorded if of["type"] == PULL_REQUEST and not _is_open(client, repository, of)]
    branches = {of["inputs"]["headRef"] for of in ended}
    proposed = [of["urn"] for of in recorded if of["type"] in (BRANCH, FILE) and of["outputs"]["branch"] in branches]
    files = {
        (of["inputs"]["file"], of["outputs"]["branch"]): of["urn"]
        for of in recorded
        if of["type"] == FILE and of["outputs"]["branch"] not in branches
    }
    return Drift(
        stale=(*_edited(client, repository, files), *proposed),
        replaced=(*_secrets(client, repository, recorded), *(of["urn"] for of in ended)),
    )


def _is_open(client: Client, repository: str, request: dict[str, Any]) -> bool:
    number = request["id"].rpartition(":")[2]
    return bool(client.get(f"repos/{repository}/pulls/{number}").body["state"] == "open")


def _edited(client: Client, repository: str, files: Mapping[tuple[str, str], str]) -> tuple[str, ...]:
    branches = {branch for _, branch in files}
    return tuple(
        files[path, branch]
        for branch in sorted(branches)
        for path in workflows.edited(
            client, repository, branch, known=[path for path, of_branch in files if of_branch == branch]
        )
    )


def _secrets(client: Client, repository: str, recorded: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    found = []
    for environment in sorted({_environment(of) for of in recorded if _is_secret(of)}):
        place = f"environments/{environment}/secrets" if environment else "actions/secrets"
        try:
            listed = client.get(f"repos/{repository}/{place}", per_page="100").body["secrets"]
        except Missing:
            listed = []
        written = {secret["name"]: secret["updated_at"] for secret in listed}
        found += [
            of["urn"]
            for of in recorded
            if _is_secret(of)
            and _environment(of) == environment
            and not _is_same(written.get(of["inputs"]["secretName"]), of["outputs"].get("updatedAt"))
        ]
    return tuple(found)


def _is_secret(resource: dict[str, Any]) -> bool:
    return resource["type"] in (REPOSITORY_SECRET, ENVIRONMENT_SECRET)


def _environment(resource: dict[str, Any]) -> str:
    return str(resource["inputs"].get("environment", ""))


def _is_same(shown: str | None, recorded: str | None) -> bool:
    """Compare times, which GitHub writes with a T and the provider with a space; one not recorded yet says nothing."""
    if not recorded:
        return True
    return shown is not None and shown[:_TO_THE_SECOND] == recorded[:_TO_THE_SECOND].replace(" ", "T")
