"""Builds a Go module into the cache."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from terminal.progress import show_progress
from toolchain import aws_source, compiler
from toolchain.gocommand import GoWorkspace
from toolchain.part import COMPILER_FLAGS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolchain.part import GoPart

COPIES_FOLDER = "copies"
"""The folder of the changed modules within the part's own."""


def build_part(part: GoPart, root: Path, *, needed: int) -> None:
    """Build a part unless the cache already has it.

    Args:
        part: The part to build.
        root: The cache's folder.
        needed: Minimum free disk space in bytes; with less, the build does not start.
    """
    entry = part.cache_entry(root)
    if entry.is_finished():
        return
    with entry.fill_entry(needed=needed) as work:
        if work is None:
            return
        source = work / "source"
        _copy_files([file for file in part.sources if file.is_relative_to(part.module)], part.module, source)
        entry.log_file.write_text("")
        go = compiler.obtain_go(root)
        workspace = GoWorkspace(go=go, folder=source, log=entry.log_file, needed=needed)
        if part.services:
            _use_filtered_aws(workspace, part.services)
        for patch in part.patches:
            patch.apply_to(_use_copy(workspace, patch.module))
        total = _download_modules(workspace, part)
        _compile_programs(workspace, part, work / "programs", total)
        _place_programs(part, work)
        shutil.rmtree(source)


def _copy_files(files: Iterable[Path], source: Path, target: Path) -> None:
    """Copy files of a folder without the read-only mode that Go sets on files in its module cache."""
    for file in files:
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


def _use_filtered_aws(workspace: GoWorkspace, services: frozenset[str]) -> None:
    """Replace the AWS provider with a copy that has only the needed services."""
    with show_progress("Downloading the AWS provider's source"):
        source = _downloaded_source(workspace, aws_source.MODULE)
    aws_source.copy_needed(source, _copy_folder(workspace, aws_source.MODULE), services)
    _replace_module(workspace, aws_source.MODULE)


def _use_copy(workspace: GoWorkspace, module: str) -> Path:
    """Replace a module, unless it already is, with a copy that may be changed, and return the copy's folder."""
    copy = _copy_folder(workspace, module)
    if not copy.exists():
        source = _downloaded_source(workspace, module)
        files = (file for file in source.rglob("*") if "testdata" not in file.parts and file.is_file())
        _copy_files(files, source, copy)
        _replace_module(workspace, module)
    return copy


def _copy_folder(workspace: GoWorkspace, module: str) -> Path:
    return workspace.folder / COPIES_FOLDER / module


def _replace_module(workspace: GoWorkspace, module: str) -> None:
    workspace.run_with_network("mod", "edit", f"-replace={module}=./{COPIES_FOLDER}/{module}")


def _downloaded_source(workspace: GoWorkspace, module: str) -> Path:
    """Download a module, which Go checks against go.sum, and return its source folder."""
    return Path(json.loads(workspace.run_with_network("mod", "download", "-json", module))["Dir"])


def _download_modules(workspace: GoWorkspace, part: GoPart) -> int:
    """Download all modules that the build needs, and return the number of packages to compile."""
    with show_progress(f"Downloading the Go modules of {part.title}") as progress:
        done = 0

        def count_download(line: str) -> None:
            nonlocal done
            if line.startswith("go: downloading "):
                done += 1
                progress.advance_to(done)

        return len(workspace.run_with_network("list", "-deps", *part.programs, on_line=count_download).splitlines())


def _compile_programs(workspace: GoWorkspace, part: GoPart, target: Path, total: int) -> None:
    target.mkdir()
    with show_progress(f"Compiling {part.title}") as progress:
        done = 0

        def count_package(_: str) -> None:
            nonlocal done
            done = min(done + 1, total)
            progress.advance_to(done, total)

        workspace.run_build(
            *("-v", *COMPILER_FLAGS, "-o", f"{target}/", "-ldflags", part.linker_flags, *part.programs),
            on_line=count_package,
        )


def _place_programs(part: GoPart, work: Path) -> None:
    """Move programs and copy scripts to their places in the part's folder."""
    for package, place in part.programs.items():
        (work / place).parent.mkdir(parents=True, exist_ok=True)
        (work / "programs" / Path(package).name).rename(work / place)
    (work / "programs").rmdir()
    for script, place in part.scripts.items():
        shutil.copy(script, work / place)
