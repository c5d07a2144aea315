"""Files that are delivered to ClaudeFS's repository, and their paths there."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKFLOW_SOURCES = Path(__file__).parents[1] / "workflows"
"""Folder of the files, which are delivered unchanged."""

DELIVERY_BRANCH = "claudefs-infra/workflows"
"""Source branch of the pull request that delivers files."""

DELIVERY_MARK = "from claudefs-infra"
"""Mark in the commit message of every delivery, which distinguishes it from an edit."""

_SUFFIXES = frozenset({".py", ".toml", ".yml"})


def path_in_repository(source: PurePosixPath) -> PurePosixPath:
    """Return a file's path in the repository: `.github/workflows` for workflows, `.github` for all other files.

    Args:
        source: The file's path below `WORKFLOW_SOURCES`.
    """
    is_workflow = source.suffix == ".yml" and len(source.parts) == 1
    return PurePosixPath(".github") / ("workflows" if is_workflow else "") / source


def delivered_files() -> Mapping[str, Path]:
    """Return the delivered files by their path in the repository, sorted by path."""
    files = (path for path in WORKFLOW_SOURCES.rglob("*") if path.is_file() and path.suffix in _SUFFIXES)
    places = {
        str(path_in_repository(PurePosixPath(path.relative_to(WORKFLOW_SOURCES).as_posix()))): path for path in files
    }
    return dict(sorted(places.items()))


def delivery_message(target: str) -> str:
    """Return the commit message of the delivery of a file, given its path in the repository."""
    return f"Update {target} {DELIVERY_MARK}"


def read_delivered(source: Path) -> str:
    """Return a file's text with LF line ends, as in ClaudeFS's repository, whatever this working tree uses."""
    return source.read_text(encoding="utf-8")


def git_blob_hash(text: str) -> str:
    """Return the Git blob hash of a file, for comparison with the hashes that GitHub lists."""
    content = text.encode()
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()
