"""Finds delivered files that somebody edited in the repository.

One call lists the hashes of all files of the default branch. A file that differs from this project's is either an older
delivery or an edit. The last commit that changed it decides: a delivery's commit message has a mark.
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
    """Return the paths of edited files.

    `known` are the paths that the stack has delivered; the stack takes over other files whatever they contain. None
    means all.
    """
    differing = [path for path in differing_files(client, repository, branch) if known is None or path in known]
    return [path for path in differing if not _is_delivered_version(client, repository, branch, path)]


def differing_files(client: GitHubClient, repository: str, branch: str) -> list[str]:
    """Return the paths of delivered files whose content on the branch differs."""
    tree = client.get_json(f"repos/{repository}/git/trees/{branch}", recursive="1").body["tree"]
    there = {entry["path"]: entry["sha"] for entry in tree if entry["type"] == "blob"}
    return [path for path, sha in delivered_hashes().items() if path in there and there[path] != sha]


def delivered_hashes() -> Mapping[str, str]:
    """Return the Git hash of each delivered file, by its path in the repository."""
    return {path: git_blob_hash(read_delivered(source)) for path, source in delivered_files().items()}


def _is_delivered_version(client: GitHubClient, repository: str, branch: str, path: str) -> bool:
    commits = client.get_json(f"repos/{repository}/commits", sha=branch, path=path, per_page="1").body
    return bool(commits) and DELIVERY_MARK in commits[0]["commit"]["message"]
