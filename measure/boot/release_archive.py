"""The archive of a release: stand-ins for ClaudeFS's five programs."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from measure.boot.downloads import STAND_INS
from measure.boot.host import run_host

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS = ("cfs-fuse", "cfs-gateway", "cfs-meta", "cfs-mgmt", "cfs-repl")


def build_archive(folder: Path, *, version: str) -> bytes:
    """Return a release's archive, which differs from those of other versions.

    Args:
        folder: Folder for its files.
        version: The release's version.
    """
    binaries, archive = folder / version / "bin", folder / f"{version}.tar.zst"
    binaries.mkdir(parents=True)
    first = binaries / PROGRAMS[0]
    run_host("gcc", "-O1", "-static", f'-DVERSION="{version}"', "-o", str(first), str(STAND_INS / "program.c"))
    for name in PROGRAMS[1:]:
        shutil.copy2(first, binaries / name)
    run_host("tar", "--zstd", "--create", "--file", str(archive), "--directory", str(folder / version), "bin")
    return archive.read_bytes()
