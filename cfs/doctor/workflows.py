"""Whether somebody has edited the delivered files in the repository.

One call lists the hashes of all files of the default branch. A file that differs from what this project delivers is
either an older delivery or an edit: the message of the last commit that changed it tells, since deliveries have one of
their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.github.delivery import DELIVERY_MARK, delivered_files, git_blob_hash, read_delivered

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from cfs.doctor.github_client import GitHubClient


def edited_workflow_files(
    client: GitHubClient, repository: str, branch: str, *, known: Collection[str] | None = None
) -> list[str]:
    """Return the paths of files that somebody has edited.

    Args:
        client: GitHub.
        repository: `owner/name`.
        branch: The default branch.
        known: The paths that the stack has delivered; others are taken over whatever they hold. None: all.
    """
    tree = client.get_json(f"repos/{repository}/git/trees/{branch}", recursive="1").body["tree"]
    there = {entry["path"]: entry["sha"] for entry in tree if entry["type"] == "blob"}
    differing = [
        path
        for path, sha in delivered_hashes().items()
        if path in there and there[path] != sha and (known is None or path in known)
    ]
    return [path for path in differing if not _is_delivered_version(client, repository, branch, path)]


def delivered_hashes() -> Mapping[str, str]:
    """Return the hash that Git gives to each delivered file, by its path in the repository."""
    return {path: git_blob_hash(read_delivered(source)) for path, source in delivered_files().items()}


def _is_delivered_version(client: GitHubClient, repository: str, branch: str, path: str) -> bool:
    commits = client.get_json(f"repos/{repository}/commits", sha=branch, path=path, per_page="1").body
    return bool(commits) and DELIVERY_MARK in commits[0]["commit"]["message"]
