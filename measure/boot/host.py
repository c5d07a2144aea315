"""The machine that runs the boot test: what it needs, and its commands."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PACKAGE_BY_PROGRAM = {
    "dpkg-deb": "dpkg",
    "gcc": "gcc libc6-dev",
    "git": "git",
    "gpg": "gnupg",
    "ip": "iproute2",
    "losetup": "mount",
    "mkfs.ext4": "e2fsprogs",
    "mmdebstrap": "mmdebstrap",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "tar": "tar",
    "zstd": "zstd",
}
"""Debian packages of the programs that the boot test runs."""

CONTAINER_PROGRAM = {"systemd-nspawn": "systemd-container"}
MACHINE_PROGRAM = {"qemu-system-x86_64": "qemu-system-x86"}


def require_host(*, is_virtual: bool) -> None:
    """Raise UserError unless this machine can run the guests.

    Args:
        is_virtual: Whether they are virtual machines, rather than containers with XFS on loop devices.
    """
    if missing := missing_packages(
        is_virtual=is_virtual, is_installed=lambda program: shutil.which(program) is not None
    ):
        raise UserError(
            f"The boot test needs Debian packages that are not installed: {', '.join(missing)}.",
            repair=f"apt-get install --yes --no-install-recommends {' '.join(missing)}",
        )
    if os.geteuid() != 0:
        target = "boot-test-vm" if is_virtual else "boot-test"
        raise UserError(
            "The boot test creates network namespaces and must be run by root.", repair=f"sudo make {target}"
        )
    if not is_virtual and not has_xfs(Path("/proc/filesystems").read_text(encoding="ascii")):
        raise UserError("This machine's kernel has no XFS, which storage nodes need.", repair="modprobe xfs")
    if not Path("/dev/loop-control").exists():
        raise UserError("This machine's kernel has no loop devices.", repair="modprobe loop")


def missing_packages(*, is_virtual: bool, is_installed: Callable[[str], bool]) -> list[str]:
    """Return the Debian packages to install.

    Args:
        is_virtual: Whether guests are virtual machines, rather than containers.
        is_installed: Returns whether a program is installed.
    """
    needed = {**PACKAGE_BY_PROGRAM, **(MACHINE_PROGRAM if is_virtual else CONTAINER_PROGRAM)}
    return [package for program, package in needed.items() if not is_installed(program)]


def has_xfs(filesystems: str) -> bool:
    """Return whether XFS is among the file systems of /proc/filesystems."""
    return "xfs" in filesystems.split()


def run_host(*command: str, seconds: float = 120, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a program of this machine and return its output.

    Args:
        command: The program and its arguments.
        seconds: Time limit.
        cwd: Working directory.
        env: Further environment variables.
    """
    variables = {**os.environ, **(env or {})}
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=variables,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip()[-1000:]
        raise UserError(f"{' '.join(command)} failed: {said}", repair="repair what it names, and try again") from error
    except subprocess.TimeoutExpired as error:
        raise UserError(f"{' '.join(command)} did not end within {seconds:.0f} s.", repair="try again") from error
    return done.stdout
