"""The toolchain built from Go modules, for machines that reach package registries alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain import part, versions
from toolchain.model import Toolchain

if TYPE_CHECKING:
    from pathlib import Path

BUILT_ENVIRONMENT = {
    # All plugins are in PULUMI_HOME; others on PATH are none of ours, and the vendor's host is not asked.
    "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
    "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    "PULUMI_SKIP_UPDATE_CHECK": "true",
    # Go's collector would take a fifth of a preview's time, to save memory that a short-lived process can have.
    "GOGC": "400",
    "CFS_REPOSITORY": str(versions.TOOLCHAIN_FOLDER.parent),
}


def find_built_toolchain(root: Path) -> Toolchain | None:
    """Find the finished build of what is declared now, if there is one."""
    engine = part.engine_part().cache_entry(root)
    providers = part.providers_part().cache_entry(root)
    if not (engine.is_finished() and providers.is_finished()):
        return None
    return Toolchain(
        origin="built",
        version=versions.built_engine_version(),
        path=(engine.part_folder / "bin",),
        env={**BUILT_ENVIRONMENT, "PULUMI_HOME": str(providers.part_folder / part.HOME_FOLDER)},
    )


def build_toolchain(root: Path) -> Toolchain:
    """Build what is missing."""
    from toolchain import build  # noqa: PLC0415 -- heavy, and not needed when all is built

    missing = [
        declared
        for declared in (part.engine_part(), part.providers_part())
        if not declared.cache_entry(root).is_finished()
    ]
    for position, declared in enumerate(missing):
        build.build_part(declared, root, needed=sum(later.space for later in missing[position:]))
    toolchain = find_built_toolchain(root)
    if toolchain is None:
        raise LookupError(f"the build did not fill {root}")
    return toolchain
