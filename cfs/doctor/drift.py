"""Drift on GitHub that a deployment alone would neither detect nor repair.

The provider reads files only in a refresh. GitHub never shows a secret's value, only the time of its last update, which
the provider records and ignores. The provider does not distinguish a merged or closed pull request from an open one.
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

_SECRET_TYPES = (REPOSITORY_SECRET_TYPE, ENVIRONMENT_SECRET_TYPE)
_TO_THE_SECOND = len("2026-01-01T00:00:00")


@dataclass(frozen=True, kw_only=True)
class GitHubDrift:
    """URNs of the resources that drifted.

    Attributes:
        stale: Edited files, and the branches and files of pull requests that are no longer open. A refresh before the
            deployment repairs them.
        replaced: Secrets that were written or deleted, and pull requests that are no longer open. Replacing them
            repairs them.
    """

    stale: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()


def find_github_drift(target: GitHubTarget, recorded: Sequence[dict[str, Any]]) -> GitHubDrift:
    """Compare the GitHub resources in a stack's state with GitHub."""
    client = GitHubClient(token=target.token, base_url=target.base_url)
    repository = f"{target.settings.github_owner}/{target.settings.github_repository}"
    ended = [
        resource
        for resource in recorded
        if resource["type"] == PULL_REQUEST_TYPE and not _is_pull_request_open(client, repository, resource)
    ]
    branches = {request["inputs"]["headRef"] for request in ended}
    proposed = [
        resource["urn"]
        for resource in recorded
        if resource["type"] in (BRANCH_TYPE, REPOSITORY_FILE_TYPE) and resource["outputs"]["branch"] in branches
    ]
    files = {
        (file["inputs"]["file"], file["outputs"]["branch"]): file["urn"]
        for file in recorded
        if file["type"] == REPOSITORY_FILE_TYPE and file["outputs"]["branch"] not in branches
    }
    return GitHubDrift(
        stale=(*_edited_file_urns(client, repository, files), *proposed),
        replaced=(*_changed_secret_urns(client, repository, recorded), *(request["urn"] for request in ended)),
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
            client, repository, branch, known=[path for path, file_branch in files if file_branch == branch]
        )
    )


def _changed_secret_urns(client: GitHubClient, repository: str, recorded: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    changed = []
    secrets = [resource for resource in recorded if resource["type"] in _SECRET_TYPES]
    for environment in sorted({_secret_environment(secret) for secret in secrets}):
        place = f"environments/{environment}/secrets" if environment else "actions/secrets"
        try:
            listed = client.get_json(f"repos/{repository}/{place}", per_page="100").body["secrets"]
        except GitHubNotFound:
            listed = []
        written = {secret["name"]: secret["updated_at"] for secret in listed}
        changed += [
            secret["urn"]
            for secret in secrets
            if _secret_environment(secret) == environment
            and not _is_same_time(written.get(secret["inputs"]["secretName"]), secret["outputs"].get("updatedAt"))
        ]
    return tuple(changed)


def _secret_environment(resource: dict[str, Any]) -> str:
    return str(resource["inputs"].get("environment", ""))


def _is_same_time(shown: str | None, recorded: str | None) -> bool:
    """Compare times, which GitHub writes with a T and the provider with a space; True if none is recorded yet."""
    if not recorded:
        return True
    return shown is not None and shown[:_TO_THE_SECOND] == recorded[:_TO_THE_SECOND].replace(" ", "T")
