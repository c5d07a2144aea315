"""Which files ClaudeFS's repository gets from here, and where each one lies in it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKFLOWS = Path(__file__).parent / "workflows"
"""The files, each delivered as it stands here."""

_SUFFIXES = frozenset({".py", ".toml", ".yml"})


def path_in_repository(source: PurePosixPath) -> PurePosixPath:
    """Give a file's place: a workflow goes where GitHub looks for such, all else keeps its path below `.github`.

    Args:
        source: The file's path below `WORKFLOWS`.
    """
    is_workflow = source.suffix == ".yml" and len(source.parts) == 1
    return PurePosixPath(".github") / ("workflows" if is_workflow else "") / source


def delivered() -> Mapping[str, Path]:
    """Give the path in the repository of each file, with the file, in the order of the paths."""
    files = (path for path in WORKFLOWS.rglob("*") if path.is_file() and path.suffix in _SUFFIXES)
    places = {str(path_in_repository(PurePosixPath(path.relative_to(WORKFLOWS).as_posix()))): path for path in files}
    return dict(sorted(places.items()))
