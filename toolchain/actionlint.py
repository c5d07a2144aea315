"""The checker of workflow files, built from Go modules: no package registry carries the program itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain import cache as cache_module
from toolchain import part

if TYPE_CHECKING:
    from pathlib import Path


def obtain_actionlint(*, cache: Path | None = None) -> Path:
    """Return the program, built if it is not in the cache yet.

    Args:
        cache: The folder for what is built, instead of the default one.
    """
    root = cache or cache_module.cache_root()
    declared = part.actionlint_part()
    entry = declared.cache_entry(root)
    if not entry.is_finished():
        from toolchain import build  # noqa: PLC0415 -- heavy, and not needed when all is built

        build.build_part(declared, root, needed=declared.space)
    return entry.part_folder / "bin" / "actionlint"
