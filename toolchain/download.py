"""The vendor's own toolchain, if its hosts are reachable.

The archive comes from get.pulumi.com and is checked against the SHA-256 sums published with the release
on GitHub, so a single compromised host cannot substitute a file. The names of both files and the format of
the sums follow Pulumi's release workflow. This was tested only against a server on the loopback
interface, not against the real hosts.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain import cache, part, versions
from toolchain.model import Toolchain

if TYPE_CHECKING:
    from pathlib import Path

ARCHIVE_ARCHITECTURES = {"amd64": "x64", "arm64": "arm64"}
"""Architectures in the archives' names, by Go's name."""

NEEDED_BYTES = 3 * cache.GIB
"""Disk space of the archive, its content and the plugins during installation, in bytes."""

PLUGIN_ATTEMPTS = 3
PLUGIN_TIMEOUT_SECONDS = 900
"""Time limit to download and unpack one plugin, in seconds."""


@dataclass(frozen=True, kw_only=True)
class PulumiRelease:
    """URLs of a release's files."""

    archive: str
    sums: str

    @property
    def archive_name(self) -> str:
        """The archive's file name."""
        return self.archive.rsplit("/", maxsplit=1)[1]


def fitting_release() -> PulumiRelease:
    """Return the release that matches the installed SDK and this machine."""
    version = versions.downloaded_engine_version()
    system, architecture = part.go_target().split("/")
    archive = f"pulumi-v{version}-{system}-{ARCHIVE_ARCHITECTURES[architecture]}.tar.gz"
    return PulumiRelease(
        archive=f"https://get.pulumi.com/releases/sdk/{archive}",
        sums=f"https://github.com/pulumi/pulumi/releases/download/v{version}/pulumi-{version}-checksums.txt",
    )


def find_downloaded_toolchain(root: Path) -> Toolchain | None:
    """Return the toolchain of an earlier download from the cache, or None."""
    entry = _download_entry(root)
    if not entry.is_finished():
        return None
    return Toolchain(
        origin="download",
        version=versions.downloaded_engine_version(),
        path=(entry.part_folder / "pulumi",),
        env={"PULUMI_HOME": str(entry.part_folder / part.HOME_FOLDER), "PULUMI_SKIP_UPDATE_CHECK": "true"},
    )


def _download_entry(root: Path) -> cache.CacheEntry:
    plugins = [versions.plugin_version(name) for name in versions.PLUGIN_NAMES]
    key = cache.entry_key([part.go_target(), versions.downloaded_engine_version(), *plugins], [])
    return cache.CacheEntry(root=root, part="download", key=key)


def download_toolchain(root: Path, wanted: PulumiRelease | None = None) -> Toolchain | None:
    """Download the toolchain into the cache.

    Args:
        root: The cache's folder.
        wanted: The release, if not the installed SDK's.

    Returns:
        None if it is unavailable; an unreachable host costs less than five seconds.
    """
    from toolchain import transfer  # noqa: PLC0415 -- not needed when the cache has it

    wanted = wanted or fitting_release()
    if not transfer.are_reachable([wanted.archive, wanted.sums]):
        return None
    entry = _download_entry(root)
    try:
        with entry.fill_entry(needed=NEEDED_BYTES) as work:
            if work is not None:
                _install_release(work, wanted)
    except transfer.UnavailableError:
        return None
    return find_downloaded_toolchain(root)


def _install_release(work: Path, wanted: PulumiRelease) -> None:
    from terminal.progress import show_progress  # noqa: PLC0415 -- not needed when the cache has it
    from toolchain import transfer  # noqa: PLC0415 -- for the same reason

    archive = work / wanted.archive_name
    with show_progress("Downloading Pulumi") as progress:
        transfer.download_file(wanted.sums, work / "sums.txt")
        arrived = transfer.download_file(wanted.archive, archive, on_progress=progress.advance_to)
    _check_archive_sum(arrived.sha256, wanted, (work / "sums.txt").read_text())
    with tarfile.open(archive) as content:
        content.extractall(work, filter="data")
    archive.unlink()
    for name in versions.PLUGIN_NAMES:
        with show_progress(f"Installing Pulumi's plugin {name} {versions.plugin_version(name)}"):
            _install_plugin(work, name)


def _check_archive_sum(found: str, wanted: PulumiRelease, sums: str) -> None:
    """Raise an error if an archive's sum is not the published one."""
    from terminal.errors import UserError  # noqa: PLC0415 -- not needed when the cache has it

    published = {name: sum_ for sum_, name in (line.split() for line in sums.splitlines() if line.strip())}
    expected = published.get(wanted.archive_name, "no sum at all")
    if found != expected:
        raise UserError(
            f"{wanted.archive} has the SHA-256 sum {found}, but {wanted.sums} publishes {expected}.",
            repair="Do not use this archive. Ask whoever runs your network or proxy, or install Pulumi "
            "yourself (https://www.pulumi.com/docs/install/) and put it on PATH.",
        )


def _install_plugin(work: Path, name: str) -> None:
    """Have Pulumi install one of its plugins; it verifies the download."""
    from toolchain import transfer  # noqa: PLC0415 -- not needed when the cache has it

    command = [
        str(work / "pulumi" / "pulumi"),
        "plugin",
        "install",
        "resource",
        name,
        f"v{versions.plugin_version(name)}",
    ]
    environment = {**os.environ, "PULUMI_HOME": str(work / part.HOME_FOLDER), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    problem = ""
    for _ in range(PLUGIN_ATTEMPTS):
        try:
            subprocess.run(
                command, env=environment, timeout=PLUGIN_TIMEOUT_SECONDS, check=True, capture_output=True, text=True
            )
        except subprocess.CalledProcessError as failure:
            problem = failure.stderr
        except subprocess.TimeoutExpired:
            problem = f"not finished after {PLUGIN_TIMEOUT_SECONDS} s"
        else:
            return
    raise transfer.UnavailableError(f"the plugin {name} could not be installed: {problem}")
