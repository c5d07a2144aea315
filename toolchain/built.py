"""The toolchain built from Go modules, for machines that reach package registries alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain import part, versions
from toolchain.model import Toolchain

if TYPE_CHECKING:
    from pathlib import Path

LANGUAGE_HOST = versions.HERE / "bin"
"""The folder of the Python language host, which is part of this project."""

ENVIRONMENT = {
    # The vendor's hosts are not asked for what was built here.
    "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    "PULUMI_SKIP_UPDATE_CHECK": "true",
}


def find(root: Path) -> Toolchain | None:
    """Find the finished build of what is declared now, if there is one."""
    entries = [declared.entry(root) for declared in (part.engine(), part.providers())]
    if not all([entry.is_finished() for entry in entries]):  # noqa: C419 -- each notes that it is in use
        return None
    return Toolchain(
        origin="built",
        version=versions.built_engine(),
        path=(*(entry.folder / "bin" for entry in entries), LANGUAGE_HOST),
        env=ENVIRONMENT,
    )


def make(root: Path) -> Toolchain:
    """Build what is missing.

    Raises:
        UserError: It cannot be built here; the message says why.
    """
    from toolchain import build  # noqa: PLC0415 -- heavy, and not needed when all is built

    for declared in (part.engine(), part.providers()):
        build.make(declared, root)
    toolchain = find(root)
    if toolchain is None:
        raise LookupError(f"the build did not fill {root}")
    return toolchain
