"""Obtains a toolchain from the first available source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain import built, download, installed
from toolchain import cache as cache_module

if TYPE_CHECKING:
    from pathlib import Path

    from toolchain.model import Toolchain


def obtain_toolchain(*, cache: Path | None = None) -> Toolchain:
    """Find, download or build a working toolchain.

    The sources are, in this order: the user's own Pulumi, the vendor's archive, a build from Go modules. A toolchain
    in the cache is preferred to any that needs the network.

    Args:
        cache: The cache's folder, if not the default one.
    """
    root = cache or cache_module.cache_root()
    found = (
        installed.find_installed_toolchain(root)
        or download.find_downloaded_toolchain(root)
        or built.find_built_toolchain(root)
    )
    return found or download.download_toolchain(root) or built.build_toolchain(root)
