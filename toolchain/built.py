"""The toolchain built from Go modules, for machines that can reach only package registries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain import part, versions
from toolchain.model import Toolchain

if TYPE_CHECKING:
    from pathlib import Path

BUILT_ENVIRONMENT = {
    # All plugins are in PULUMI_HOME: ignore those on PATH, and never contact the vendor's host.
    "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
    "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    "PULUMI_SKIP_UPDATE_CHECK": "true",
    # By default, Go's garbage collector takes a fifth of a preview's time; a short-lived process can use more memory.
    "GOGC": "400",
    "CFS_REPOSITORY": str(versions.TOOLCHAIN_FOLDER.parent),
}


def find_built_toolchain(root: Path) -> Toolchain | None:
    """Return the finished build of the currently declared parts, or None."""
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
    """Build the missing parts and return the toolchain."""
    from toolchain import build  # noqa: PLC0415 -- heavy, and not needed once everything is built

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
