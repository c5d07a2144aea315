"""Files delivered to ClaudeFS's repository, and their paths in it."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKFLOW_SOURCES = Path(__file__).parents[1] / "workflows"
"""The files, each delivered as it stands here."""

DELIVERY_BRANCH = "claudefs-infra/workflows"
"""The branch on which files wait for their pull request to be merged."""

DELIVERY_MARK = "from claudefs-infra"
"""Mark in the message of every delivery's commit; it distinguishes a delivery from an edit."""

_SUFFIXES = frozenset({".py", ".toml", ".yml"})


def path_in_repository(source: PurePosixPath) -> PurePosixPath:
    """Return a file's place: a workflow goes where GitHub looks for such, all else keeps its path below `.github`.

    Args:
        source: The file's path below `WORKFLOW_SOURCES`.
    """
    is_workflow = source.suffix == ".yml" and len(source.parts) == 1
    return PurePosixPath(".github") / ("workflows" if is_workflow else "") / source


def delivered_files() -> Mapping[str, Path]:
    """Return the path in the repository of each file, with the file, in the order of the paths."""
    files = (path for path in WORKFLOW_SOURCES.rglob("*") if path.is_file() and path.suffix in _SUFFIXES)
    places = {
        str(path_in_repository(PurePosixPath(path.relative_to(WORKFLOW_SOURCES).as_posix()))): path for path in files
    }
    return dict(sorted(places.items()))


def delivery_message(target: str) -> str:
    """Return the message of the commit that delivers a file, by its path in the repository."""
    return f"Update {target} {DELIVERY_MARK}"


def read_delivered(source: Path) -> str:
    """Return a file's text with the line ends that ClaudeFS's repository has, whatever this working tree's are."""
    return source.read_text(encoding="utf-8")


def git_blob_hash(text: str) -> str:
    """Return a file's Git blob hash, which GitHub lists."""
    content = text.encode()
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()
