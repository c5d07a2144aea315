"""Whether somebody has edited the delivered files in the repository.

One call lists the hashes of all files of the default branch. A file that differs from what this project delivers is
either an older delivery or an edit: the message of the last commit that changed it tells, since deliveries have one of
their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.github.delivery import DELIVERED, blob_hash, delivered, read_delivered

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from cfs.doctor.client import Client


def edited(client: Client, repository: str, branch: str, *, known: Collection[str] | None = None) -> list[str]:
    """Give the paths of files that somebody has edited.

    Args:
        client: GitHub.
        repository: `owner/name`.
        branch: The default branch.
        known: The paths that the stack has delivered; others are taken over whatever they hold. None: all.

    Raises:
        UserError: GitHub cannot be asked.
    """
    tree = client.get(f"repos/{repository}/git/trees/{branch}", recursive="1").body["tree"]
    there = {entry["path"]: entry["sha"] for entry in tree if entry["type"] == "blob"}
    differing = [
        path
        for path, sha in hashes().items()
        if path in there and there[path] != sha and (known is None or path in known)
    ]
    return [path for path in differing if not _was_delivered(client, repository, branch, path)]


def hashes() -> Mapping[str, str]:
    """Give the hash that Git gives to each delivered file, by its path in the repository."""
    return {path: blob_hash(read_delivered(source)) for path, source in delivered().items()}


def _was_delivered(client: Client, repository: str, branch: str, path: str) -> bool:
    commits = client.get(f"repos/{repository}/commits", sha=branch, path=path, per_page="1").body
    return bool(commits) and DELIVERED in commits[0]["commit"]["message"]
