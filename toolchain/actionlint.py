"""actionlint, the linter of workflow files, built from Go modules because no package registry has its binary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain import cache as cache_module
from toolchain import part

if TYPE_CHECKING:
    from pathlib import Path


def obtain_actionlint(*, cache: Path | None = None) -> Path:
    """Return the path of actionlint; build it if the cache does not have it.

    Args:
        cache: The cache's folder, if not the default one.
    """
    root = cache or cache_module.cache_root()
    declared = part.actionlint_part()
    entry = declared.cache_entry(root)
    if not entry.is_finished():
        from toolchain import build  # noqa: PLC0415 -- heavy, and not needed once actionlint is built

        build.build_part(declared, root, needed=declared.space)
    return entry.part_folder / "bin" / "actionlint"
