"""What a killed run has left: guests, an emulated account, mounts, control groups, devices, namespaces, its folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from measure.boot.control_groups import remove_groups
from measure.boot.host import run_host
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = "cfs-boot-"
_OWNER_FILE = "owner.pid"


@contextmanager
def run_folder() -> Iterator[Path]:
    """Create the folder of a run, whose name begins the names of its namespaces; remove it at the end."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    (folder / _OWNER_FILE).write_text(str(os.getpid()), encoding="ascii")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers() -> None:
    """Remove what runs have left whose process was killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = folder / _OWNER_FILE
        if owner.exists() and not psutil.pid_exists(int(owner.read_text(encoding="ascii"))):
            _remove_run(folder)


def _remove_run(folder: Path) -> None:
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if _names_folder(process, folder) or is_guests(
                Path(f"/proc/{process.pid}/mountinfo").read_text(encoding="utf-8"), folder
            ):
                process.kill()
    for root in folder.glob("*/root"):
        # It was not mounted yet, or not any more.
        with suppress(UserError):
            run_host("umount", "--lazy", str(root))
    for disk in folder.glob("*/disk*"):
        for device in run_host("losetup", "--noheadings", "--output", "NAME", "--associated", str(disk)).split():
            run_host("losetup", "--detach", device)
    remove_groups(f"{folder.name}-*")
    for namespace in Path("/run/netns").glob(f"{folder.name}-*"):
        run_host("ip", "netns", "delete", namespace.name)
    shutil.rmtree(folder, ignore_errors=True)


def _names_folder(process: psutil.Process, folder: Path) -> bool:
    """Return whether a process serves the emulated account of a run, or is one of its virtual machines."""
    return any(f"{folder}/" in argument for argument in process.cmdline())


def is_guests(mounts: str, folder: Path) -> bool:
    """Return whether a process belongs to a run's container, by its mounts: the root folder is the run's overlay.

    Args:
        mounts: The process's /proc/PID/mountinfo.
        folder: Folder of the run.
    """
    fields = (line.split() for line in mounts.splitlines())
    return any(line[4] == "/" and f",upperdir={folder}/" in line[-1] for line in fields)
