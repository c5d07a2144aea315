"""The guests' operating system, installed once from the machine's own apt mirror into the user's cache.

It is Debian, which developers' machines have a mirror of. Nodes run Ubuntu 24.04: docs/boot-test.md lists what differs.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING

from filelock import FileLock
from platformdirs import user_cache_path

from measure.boot.host import run_host
from terminal.errors import UserError
from terminal.progress import show_progress

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


def boot_cache() -> Path:
    """Return the folder of the image and of the guests' packages."""
    return user_cache_path("claudefs-infra") / "boot-test"


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


def image_key() -> str:
    """Return the hash of the image's recipe."""
    recipe = json.dumps([SUITE, IMAGE_PACKAGES])
    return hashlib.sha256(recipe.encode()).hexdigest()[:16]


def ensure_image(mirror: str) -> Path:
    """Return the root folder of the image; build it if the cache has none of this recipe.

    Args:
        mirror: URL of a Debian archive.
    """
    cache = boot_cache()
    image = cache / f"image-{image_key()}"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "image.lock", timeout=_BUILD_SECONDS):
        if not image.exists():
            unfinished = cache / "image.new"
            shutil.rmtree(unfinished, ignore_errors=True)
            with show_progress("Installing the guests' system, once (about 4 minutes)"):
                _install_system(unfinished, mirror)
            for outdated in cache.glob("image-*"):
                shutil.rmtree(outdated)
            unfinished.rename(image)
    return image


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
