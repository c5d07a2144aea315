"""The machine that runs the boot test: what it needs, and its commands."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    "systemd-nspawn": "systemd-container",
    "tar": "tar",
    "zstd": "zstd",
}
"""Debian packages of the programs that the boot test runs."""


def require_host() -> None:
    """Raise UserError unless this machine can run containers with XFS on loop devices."""
    missing = [package for program, package in PACKAGE_BY_PROGRAM.items() if shutil.which(program) is None]
    if missing:
        raise UserError(
            f"The boot test needs Debian packages that are not installed: {', '.join(missing)}.",
            repair=f"apt-get install --yes --no-install-recommends {' '.join(missing)}",
        )
    if os.geteuid() != 0:
        raise UserError("The boot test runs containers and must be run by root.", repair="sudo make boot-test")
    if not has_xfs(Path("/proc/filesystems").read_text(encoding="ascii")):
        raise UserError("This machine's kernel has no XFS, which storage nodes need.", repair="modprobe xfs")
    if not Path("/dev/loop-control").exists():
        raise UserError("This machine's kernel has no loop devices.", repair="modprobe loop")


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
