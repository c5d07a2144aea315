"""Files of a guest that differ from the image: its sources of packages, trust, stand-ins, and its user data."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from measure.boot.downloads import UBUNTU_HOST, place_stand_in
from measure.boot.gateway import ARCHIVE_HOST
from measure.boot.image import SUITE
from measure.boot.namespaces import NAME_SERVER_ADDRESS

if TYPE_CHECKING:
    from pathlib import Path

STAND_IN_PLACES = {
    "usr/bin/snap": "snap.sh",
    "usr/sbin/sysctl": "sysctl.sh",
    "usr/local/libexec/announce": "announce.sh",
    # The orchestrator's user gets them with its home.
    "etc/skel/.cargo/bin/cargo": "announce.sh",
    "etc/skel/.cargo/bin/rustup": "announce.sh",
}
"""Stand-ins by their path on the guest."""

KERNEL_SETTINGS = "/var/lib/kernel-settings"
"""File to which the stand-in for sysctl writes settings."""

_SOURCES = f"""\
deb http://{ARCHIVE_HOST} {SUITE} main
deb [trusted=yes] http://{UBUNTU_HOST} ./
"""
_CLOUD_SETTINGS = """\
# A container has no DMI data, by which cloud-init would know EC2.
datasource_list: [NoCloud, None]
network: {config: disabled}
# They would become those of a public mirror.
apt: {preserve_sources_list: true}
"""
_SEED = "var/lib/cloud/seed/nocloud"
_TRUSTED = "etc/ssl/certs/ca-certificates.crt"


def prepare_image_layer(layer: Path, *, image: Path, authority: Path) -> None:
    """Write the files that all guests of a run have in common.

    Args:
        layer: The folder that overlays the image.
        image: Root folder of the image.
        authority: Certificate of the authority to trust.
    """
    for path, source in STAND_IN_PLACES.items():
        place_stand_in(layer / path, source)
    texts = {
        "etc/apt/sources.list": _SOURCES,
        "etc/cloud/cloud.cfg.d/99-boot-test.cfg": _CLOUD_SETTINGS,
        # Descriptions of all packages would take a third of the time.
        "etc/apt/apt.conf.d/99boot-test": 'Acquire::Languages "none";\n',
        "etc/cloud/ds-identify.cfg": "policy: enabled\n",
        # An empty unit is masked. A container cannot load modules, and systemd does not always notice it.
        "etc/systemd/system/modprobe@.service": "",
        "etc/resolv.conf": f"nameserver {NAME_SERVER_ADDRESS}\n",
        _TRUSTED: (image / _TRUSTED).read_text(encoding="utf-8") + authority.read_text(encoding="ascii"),
    }
    for path, text in texts.items():
        (layer / path).parent.mkdir(parents=True, exist_ok=True)
        (layer / path).write_text(text, encoding="utf-8")


def seed_files(*, instance: str, user_data: str) -> dict[str, bytes]:
    """Return the files in which cloud-init finds an instance's user data without EC2.

    Args:
        instance: The instance's ID.
        user_data: User data in base64.
    """
    facts = f"instance-id: {instance}\nlocal-hostname: {instance}.compute.internal\n"
    return {f"{_SEED}/user-data": base64.b64decode(user_data), f"{_SEED}/meta-data": facts.encode()}
