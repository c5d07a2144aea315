"""The guests' operating system, installed once from the machine's own apt mirror into the user's cache.

It is Debian, which developers' machines have a mirror of. Nodes run Ubuntu 24.04: docs/boot-test.md lists what differs.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from measure.boot.host import run_host
from terminal.errors import UserError
from terminal.progress import show_progress
from toolchain.cache import GIB, CacheEntry, cache_root, entry_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SUITE = "trixie"
IMAGE_PACKAGES = (
    *("systemd-sysv", "udev", "dbus", "cloud-init", "openssh-server", "logrotate", "sudo", "kmod", "procps"),
    *("iproute2", "e2fsprogs", "curl", "ca-certificates", "gnupg", "python3-apt"),
    # The stand-in for snapd links it.
    "awscli",
)
"""What Ubuntu's image for EC2 contains and boot files rely on."""

MACHINE_PACKAGES = (
    *IMAGE_PACKAGES,
    *("linux-image-cloud-amd64", "netplan.io", "systemd-resolved", "dhcpcd-base", "cloud-guest-utils"),
    # It runs the test's commands, as the SSM agent does on EC2.
    "qemu-guest-agent",
    # The orchestrator's largest packages, which an emulated processor would unpack for many minutes.
    *("build-essential", "cmake", "git", "libclang-dev", "protobuf-compiler"),
)
"""What an image for virtual machines contains."""

ROOT_LABEL = "cloudimg-rootfs"
"""Label of the root file system, as of Ubuntu's."""

_ROOT_BYTES = 8 * GIB
"""Size of a virtual machine's root disk; its file is sparse."""

_MACHINE_HOOKS = (
    f'printf "LABEL={ROOT_LABEL} / ext4 defaults 0 1\n" >"$1/etc/fstab"',
    'ln --symbolic --force /run/systemd/resolve/stub-resolv.conf "$1/etc/resolv.conf"',
    'chroot "$1" systemctl enable systemd-networkd systemd-resolved',
    # No package of a first boot needs another initrd, and an emulated processor takes minutes to build it.
    'sed --in-place "s/^update_initramfs=.*/update_initramfs=no/" "$1/etc/initramfs-tools/update-initramfs.conf"',
)
_BUILD_SECONDS = 1800
_IMAGE_SPACE = 2 * GIB
_MACHINE_IMAGE_SPACE = 4 * GIB


@dataclass(frozen=True, kw_only=True)
class MachineImage:
    """An image for virtual machines.

    Attributes:
        disk: The root file system: ext4 in a sparse file, without a partition table.
        kernel: Its kernel.
        initrd: The kernel's initial file system.
    """

    disk: Path
    kernel: Path
    initrd: Path


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
                    _install_system(folder / "root", mirror, packages=IMAGE_PACKAGES)
    return entry.part_folder / "root"


def ensure_machine_image(mirror: str) -> MachineImage:
    """Return the image for virtual machines; build it if the cache has none of this recipe.

    Args:
        mirror: URL of a Debian archive.
    """
    key = entry_key((SUITE, *MACHINE_PACKAGES, *_MACHINE_HOOKS), ())
    entry = CacheEntry(root=cache_root(), part="boot-machine-image", key=key)
    if not entry.is_finished():
        with entry.fill_entry(needed=_MACHINE_IMAGE_SPACE) as folder:
            if folder is not None:
                with show_progress("Installing the virtual machines' system, once (about 8 minutes)"):
                    _install_system(folder / "root", mirror, packages=MACHINE_PACKAGES, hooks=_MACHINE_HOOKS)
                    _pack_machine_image(folder)
    return _machine_image(entry.part_folder)


def _machine_image(folder: Path) -> MachineImage:
    return MachineImage(disk=folder / "root.raw", kernel=folder / "vmlinuz", initrd=folder / "initrd.img")


def _pack_machine_image(folder: Path) -> None:
    root, image = folder / "root", _machine_image(folder)
    for pattern, copied in (("vmlinuz-*", image.kernel), ("initrd.img-*", image.initrd)):
        [installed] = (root / "boot").glob(pattern)
        shutil.copyfile(installed, copied)
    with image.disk.open("wb") as disk:
        disk.truncate(_ROOT_BYTES)
    run_host(
        *("mkfs.ext4", "-q", "-L", ROOT_LABEL, "-E", "lazy_itable_init=1,lazy_journal_init=1"),
        *("-d", str(root), str(image.disk)),
        seconds=_BUILD_SECONDS,
    )
    shutil.rmtree(root)


def _install_system(folder: Path, mirror: str, *, packages: Sequence[str], hooks: Sequence[str] = ()) -> None:
    run_host(
        "mmdebstrap",
        "--variant=apt",
        "--mode=root",
        "--components=main",
        f"--include={','.join(packages)}",
        '--aptopt=APT::Install-Recommends "false"',
        "--dpkgopt=force-unsafe-io",
        # Each machine has its own; an empty file makes systemd generate one.
        '--customize-hook=: >"$1/etc/machine-id"',
        '--customize-hook=rm --force "$1/etc/hostname" "$1"/etc/ssh/ssh_host_*',
        *(f"--customize-hook={hook}" for hook in hooks),
        SUITE,
        str(folder),
        mirror,
        seconds=_BUILD_SECONDS,
    )
