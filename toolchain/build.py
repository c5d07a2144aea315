"""Building one Go module into the cache."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from terminal.progress import step
from toolchain import aws_source, backport, compiler, waits
from toolchain.gocommand import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolchain.part import Part

AWS_FOLDER = "terraform-provider-aws"
"""The folder, within the module's, of the filtered AWS provider."""

SDK_FOLDER = "terraform-plugin-sdk"
"""The folder, within the module's, of what the AWS provider is made with."""


def make(part: Part, root: Path, *, needed: int) -> None:
    """Build a part unless it is finished.

    Args:
        part: What to build.
        root: The cache's folder.
        needed: Bytes of free disk without which the work is not begun.

    Raises:
        UserError: It cannot be built here; the message says why.
    """
    entry = part.entry(root)
    if entry.is_finished():
        return
    with entry.making(needed=needed) as work:
        if work is None:
            return
        source = work / "source"
        _copy([file for file in part.sources if file.is_relative_to(part.module)], part.module, source)
        entry.log.write_text("")
        go = compiler.obtain(root)
        workspace = Workspace(go=go, folder=source, log=entry.log, needed=needed)
        if part.services:
            _use_filtered_aws(workspace, part.services)
            backport.identify_what_is_gone(source / AWS_FOLDER)
            _use_limited_waits(workspace)
        total = _download(workspace, part)
        _compile(workspace, part, work / "programs", total)
        _arrange(part, work)
        shutil.rmtree(source)


def _copy(files: Iterable[Path], source: Path, target: Path) -> None:
    """Copy files of a folder, without the protection against changes that Go gives those of its modules."""
    for file in files:
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


def _use_filtered_aws(workspace: Workspace, services: frozenset[str]) -> None:
    """Put the needed part of the AWS provider beside the module, in place of the whole one."""
    with step("Downloading the AWS provider's source"):
        source = _downloaded(workspace, aws_source.MODULE)
    aws_source.copy_needed(source, workspace.folder / AWS_FOLDER, services)
    workspace.download("mod", "edit", f"-replace={aws_source.MODULE}=./{AWS_FOLDER}")


def _use_limited_waits(workspace: Workspace) -> None:
    """Let the AWS provider's waits be limited by the environment, those in what it is made with too."""
    waits.limit(workspace.folder / AWS_FOLDER, waits.IN_PROVIDER)
    source = _downloaded(workspace, waits.SDK)
    _copy((file for file in source.rglob("*") if file.is_file()), source, workspace.folder / SDK_FOLDER)
    waits.limit(workspace.folder / SDK_FOLDER, waits.IN_SDK)
    workspace.download("mod", "edit", f"-replace={waits.SDK}=./{SDK_FOLDER}")


def _downloaded(workspace: Workspace, module: str) -> Path:
    """Give a module's source, which Go checks against go.sum while it downloads it."""
    return Path(json.loads(workspace.download("mod", "download", "-json", module))["Dir"])


def _download(workspace: Workspace, part: Part) -> int:
    """Download all modules that the build needs; give the number of packages that it compiles."""
    with step(f"Downloading the Go modules of {part.title}") as progress:
        done = 0

        def count(line: str) -> None:
            nonlocal done
            if line.startswith("go: downloading "):
                done += 1
                progress.advance(done)

        return len(workspace.download("list", "-deps", *part.programs, on_line=count).splitlines())


def _compile(workspace: Workspace, part: Part, target: Path, total: int) -> None:
    target.mkdir()
    with step(f"Compiling {part.title}") as progress:
        done = 0

        def count(_: str) -> None:
            nonlocal done
            done = min(done + 1, total)
            progress.advance(done, total)

        workspace.build("-v", "-o", f"{target}/", "-ldflags", part.linker_flags, *part.programs, on_line=count)


def _arrange(part: Part, work: Path) -> None:
    """Put programs and scripts where they belong."""
    for package, place in part.programs.items():
        (work / place).parent.mkdir(parents=True, exist_ok=True)
        (work / "programs" / Path(package).name).rename(work / place)
    (work / "programs").rmdir()
    for script, place in part.scripts.items():
        shutil.copy(script, work / place)
