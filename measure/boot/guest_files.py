"""Files of a guest that differ from the image: its sources of packages, trust, stand-ins, and its user data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from measure.boot.downloads import UBUNTU_HOST, place_stand_in
from measure.boot.gateway import ARCHIVE_HOST
from measure.boot.image import SUITE
from measure.boot.namespaces import NAME_SERVER_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STAND_IN_PLACES = {
    "usr/bin/snap": "snap.sh",
    "usr/local/libexec/announce": "announce.sh",
    # The orchestrator's user gets them with its home.
    "etc/skel/.cargo/bin/cargo": "announce.sh",
    "etc/skel/.cargo/bin/rustup": "announce.sh",
}
"""Stand-ins of all guests by their path."""

KERNEL_SETTINGS = "/var/lib/kernel-settings"
"""File to which the stand-in for sysctl writes settings."""

_SOURCES = f"""\
deb http://{ARCHIVE_HOST} {SUITE} main
deb [trusted=yes] http://{UBUNTU_HOST} ./
"""
_CLOUD_SETTINGS = """\
# They would become those of a public mirror.
apt: {preserve_sources_list: true}
"""
_CONTAINER_CLOUD_SETTINGS = """\
# A container has no DMI data, by which cloud-init would know EC2.
datasource_list: [NoCloud, None]
network: {config: disabled}
"""
_TRUSTED = "etc/ssl/certs/ca-certificates.crt"


def prepare_container_layer(layer: Path, *, authority: str) -> None:
    """Write the files that all containers of a run have in common.

    Args:
        layer: The folder that overlays the image.
        authority: Certificate of the authority to trust.
    """
    _write_layer(
        layer,
        stand_ins={**STAND_IN_PLACES, "usr/sbin/sysctl": "sysctl.sh"},
        texts={
            **_common_texts(authority, _CLOUD_SETTINGS + _CONTAINER_CLOUD_SETTINGS),
            "etc/cloud/ds-identify.cfg": "policy: enabled\n",
            # An empty unit is masked. A container cannot load modules, and systemd does not always notice it.
            "etc/systemd/system/modprobe@.service": "",
            "etc/resolv.conf": f"nameserver {NAME_SERVER_ADDRESS}\n",
        },
    )


def prepare_machine_layer(layer: Path, *, authority: str) -> None:
    """Write the files that all virtual machines of a run have in common: kernel, network and data source are theirs."""
    _write_layer(layer, stand_ins=STAND_IN_PLACES, texts=_common_texts(authority, _CLOUD_SETTINGS))


def _common_texts(authority: str, cloud_settings: str) -> dict[str, str]:
    return {
        "etc/apt/sources.list": _SOURCES,
        # Descriptions of all packages would take a third of the time.
        "etc/apt/apt.conf.d/99boot-test": 'Acquire::Languages "none";\n',
        "etc/cloud/cloud.cfg.d/99-boot-test.cfg": cloud_settings,
        _TRUSTED: authority,
    }


def _write_layer(layer: Path, *, stand_ins: Mapping[str, str], texts: Mapping[str, str]) -> None:
    for path, source in stand_ins.items():
        place_stand_in(layer / path, source)
    for path, text in texts.items():
        (layer / path).parent.mkdir(parents=True, exist_ok=True)
        (layer / path).write_text(text, encoding="utf-8")


def write_seed(root: Path, *, instance: str, user_data: bytes) -> None:
    """Write the files in which cloud-init finds an instance's user data without EC2.

    Args:
        root: Root folder of the guest.
        instance: The instance's ID.
        user_data: User data.
    """
    seed = root / "var/lib/cloud/seed/nocloud"
    seed.mkdir(parents=True)
    facts = f"instance-id: {instance}\nlocal-hostname: {instance}.compute.internal\n"
    (seed / "meta-data").write_text(facts, encoding="ascii")
    (seed / "user-data").write_bytes(user_data)
