"""What somebody has changed at GitHub that a deployment alone would neither see nor repair.

The provider looks at files only in a refresh. Of secrets GitHub never shows the value, only when it was written last;
the provider records that and does not act on it. A pull request that was merged or closed is as good to it as an open
one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cfs.doctor import workflows
from cfs.doctor.github_client import GitHubClient, GitHubNotFound
from cfs.doctor.resource_types import (
    BRANCH_TYPE,
    ENVIRONMENT_SECRET_TYPE,
    PULL_REQUEST_TYPE,
    REPOSITORY_FILE_TYPE,
    REPOSITORY_SECRET_TYPE,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cfs.doctor.github_target import GitHubTarget

_TO_THE_SECOND = len("2026-01-01T00:00:00")


@dataclass(frozen=True, kw_only=True)
class GitHubDrift:
    """What was changed.

    Attributes:
        stale: URNs of files that were edited, and of all that belongs to a pull request that is open no longer; a
            deployment brings them again once a refresh has seen them.
        replaced: URNs of secrets that were written or deleted, and of pull requests that are open no longer; a
            deployment that replaces them makes them again.
    """

    stale: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()


def find_github_drift(target: GitHubTarget, recorded: Sequence[dict[str, Any]]) -> GitHubDrift:
    """Compare GitHub with a stack's state.

    Args:
        target: The stack.
        recorded: What of GitHub its state holds.
    """
    client = GitHubClient(token=target.token, base_url=target.base_url)
    repository = f"{target.settings.github_owner}/{target.settings.github_repository}"
    ended = [
        of for of in recorded if of["type"] == PULL_REQUEST_TYPE and not _is_pull_request_open(client, repository, of)
    ]
    branches = {of["inputs"]["headRef"] for of in ended}
    proposed = [
        of["urn"]
        for of in recorded
        if of["type"] in (BRANCH_TYPE, REPOSITORY_FILE_TYPE) and of["outputs"]["branch"] in branches
    ]
    files = {
        (of["inputs"]["file"], of["outputs"]["branch"]): of["urn"]
        for of in recorded
        if of["type"] == REPOSITORY_FILE_TYPE and of["outputs"]["branch"] not in branches
    }
    return GitHubDrift(
        stale=(*_edited_file_urns(client, repository, files), *proposed),
        replaced=(*_changed_secret_urns(client, repository, recorded), *(of["urn"] for of in ended)),
    )


def _is_pull_request_open(client: GitHubClient, repository: str, request: dict[str, Any]) -> bool:
    number = request["id"].rpartition(":")[2]
    return bool(client.get_json(f"repos/{repository}/pulls/{number}").body["state"] == "open")


def _edited_file_urns(client: GitHubClient, repository: str, files: Mapping[tuple[str, str], str]) -> tuple[str, ...]:
    branches = {branch for _, branch in files}
    return tuple(
        files[path, branch]
        for branch in sorted(branches)
        for path in workflows.edited_workflow_files(
            client, repository, branch, known=[path for path, of_branch in files if of_branch == branch]
        )
    )


def _changed_secret_urns(client: GitHubClient, repository: str, recorded: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    found = []
    for environment in sorted({_secret_environment(of) for of in recorded if _is_secret(of)}):
        place = f"environments/{environment}/secrets" if environment else "actions/secrets"
        try:
            listed = client.get_json(f"repos/{repository}/{place}", per_page="100").body["secrets"]
        except GitHubNotFound:
            listed = []
        written = {secret["name"]: secret["updated_at"] for secret in listed}
        found += [
            of["urn"]
            for of in recorded
            if _is_secret(of)
            and _secret_environment(of) == environment
            and not _is_same_time(written.get(of["inputs"]["secretName"]), of["outputs"].get("updatedAt"))
        ]
    return tuple(found)


def _is_secret(resource: dict[str, Any]) -> bool:
    return resource["type"] in (REPOSITORY_SECRET_TYPE, ENVIRONMENT_SECRET_TYPE)


def _secret_environment(resource: dict[str, Any]) -> str:
    return str(resource["inputs"].get("environment", ""))


def _is_same_time(shown: str | None, recorded: str | None) -> bool:
    """Compare times, which GitHub writes with a T and the provider with a space; one not recorded yet says nothing."""
    if not recorded:
        return True
    return shown is not None and shown[:_TO_THE_SECOND] == recorded[:_TO_THE_SECOND].replace(" ", "T")
