"""The guests' operating system, installed once from the machine's own apt mirror into the user's cache.

It is Debian, which developers' machines have a mirror of. Nodes run Ubuntu 24.04: docs/boot-test.md lists what differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from measure.boot.host import run_host
from terminal.errors import UserError
from terminal.progress import show_progress
from toolchain.cache import GIB, CacheEntry, cache_root, entry_key

if TYPE_CHECKING:
    from pathlib import Path

SUITE = "trixie"
IMAGE_PACKAGES = (
    *("systemd-sysv", "udev", "dbus", "cloud-init", "openssh-server", "logrotate", "sudo", "kmod", "procps"),
    *("iproute2", "e2fsprogs", "curl", "ca-certificates", "gnupg", "python3-apt"),
    # The stand-in for snapd links it.
    "awscli",
)
"""What Ubuntu's image for EC2 contains and boot files rely on."""

_BUILD_SECONDS = 1800
_IMAGE_SPACE = 2 * GIB


def find_apt_mirror() -> str:
    """Return the URL of the Debian archive in this machine's apt sources."""
    return select_mirror(run_host("apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(LABEL)"))


def select_mirror(targets: str) -> str:
    """Return the first archive of Debian itself among apt's index targets: lines of URL, origin and label."""
    for line in targets.splitlines():
        url, _, names = line.partition(" ")
        if names == "Debian Debian":
            return url.rstrip("/")
    raise UserError(
        "The boot test installs its guests from Debian's archive, which is not among this machine's apt sources.",
        repair="run it on a Debian machine, after apt-get update",
    )


def ensure_image(mirror: str) -> Path:
    """Return the root folder of the image; build it if the cache has none of this recipe.

    Args:
        mirror: URL of a Debian archive.
    """
    entry = CacheEntry(root=cache_root(), part="boot-image", key=entry_key((SUITE, *IMAGE_PACKAGES), ()))
    if not entry.is_finished():
        with entry.fill_entry(needed=_IMAGE_SPACE) as folder:
            if folder is not None:
                with show_progress("Installing the guests' system, once (about 4 minutes)"):
                    _install_system(folder / "root", mirror)
    return entry.part_folder / "root"


def _install_system(folder: Path, mirror: str) -> None:
    run_host(
        "mmdebstrap",
        "--variant=apt",
        "--mode=root",
        "--components=main",
        f"--include={','.join(IMAGE_PACKAGES)}",
        '--aptopt=APT::Install-Recommends "false"',
        "--dpkgopt=force-unsafe-io",
        # Each machine has its own; an empty file makes systemd generate one.
        '--customize-hook=: >"$1/etc/machine-id"',
        '--customize-hook=rm --force "$1/etc/hostname" "$1"/etc/ssh/ssh_host_*',
        SUITE,
        str(folder),
        mirror,
        seconds=_BUILD_SECONDS,
    )
