"""The command line of qemu, which makes a virtual machine look like an EC2 instance of the Nitro system.

Device names, models and serial numbers are those of
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/nvme-ebs-volumes.html, DMI data those of
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from measure.boot.image import ROOT_LABEL
from measure.boot.metadata import MAC_ADDRESS, NETWORK, PRIVATE_ADDRESS

if TYPE_CHECKING:
    from pathlib import Path

    from measure.boot.image import MachineImage

QEMU = "qemu-system-x86_64"
ROOT_MODEL = "Amazon Elastic Block Store"
ROOT_SERIAL = "vol00000000000000001"

_MEMORY_MIB = 2048
_EMULATION_OPTIONS = (
    # Defaults that an emulated processor exceeds; units of this project with a time-out of their own keep it.
    *("systemd.default_timeout_start_sec=900", "systemd.default_device_timeout_sec=900", "systemd.service_watchdogs=0"),
    # They check file systems and register interpreters, for a minute.
    *("systemd.mask=e2scrub_reap.service", "systemd.mask=systemd-binfmt.service"),
)
"""Options of the kernel's command line on an emulated processor."""


@dataclass(frozen=True, kw_only=True)
class Drive:
    """An NVMe drive.

    Attributes:
        file: File with its content.
        model: Model, of at most 40 characters.
        serial: Serial number, of at most 20 characters.
    """

    file: Path
    model: str
    serial: str


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """A virtual machine.

    Attributes:
        instance: Instance ID.
        instance_type: Instance type.
        image: Image, for its kernel.
        drives: Drives, the root file system's first.
        agent: Path of the socket of the guest agent.
        uses_kvm: Whether the processor is virtual, by /dev/kvm, rather than emulated.
    """

    instance: str
    instance_type: str
    image: MachineImage
    drives: tuple[Drive, ...]
    agent: Path
    uses_kvm: bool


def system_uuid(instance: str) -> str:
    """Return the UUID of an instance, which begins with `ec2` as all of them do."""
    digest = hashlib.sha256(instance.encode()).hexdigest()
    return f"ec2{digest[:5]}-{digest[5:9]}-4{digest[9:12]}-8{digest[12:15]}-{digest[15:27]}"


def smbios_options(hardware: Hardware) -> tuple[str, ...]:
    """Return qemu's options for the DMI data by which cloud-init and systemd know EC2."""
    uuid = system_uuid(hardware.instance)
    return (
        *("-uuid", uuid),
        *("-smbios", "type=0,vendor=Amazon EC2,version=1.0"),
        *("-smbios", f"type=1,manufacturer=Amazon EC2,product={hardware.instance_type},serial={uuid},uuid={uuid}"),
        *("-smbios", f"type=2,manufacturer=Amazon EC2,asset={hardware.instance}"),
        *("-smbios", "type=3,manufacturer=Amazon EC2,asset=Amazon EC2"),
    )


def qemu_command(hardware: Hardware) -> tuple[str, ...]:
    """Return the command of a virtual machine; it ends when the machine shuts down or reboots."""
    slow = () if hardware.uses_kvm else _EMULATION_OPTIONS
    kernel = (f"root=LABEL={ROOT_LABEL} ro console=ttyS0 panic=-1 quiet", *slow)
    address = f"user,id=net,net={NETWORK},host=10.0.0.1,dns=10.0.0.2,dhcpstart={PRIVATE_ADDRESS}"
    processor = (
        ("-accel", "kvm", "-cpu", "host") if hardware.uses_kvm else ("-accel", "tcg,thread=multi", "-cpu", "max")
    )
    return (
        *(QEMU, "-machine", "q35", *processor, "-smp", "2", "-m", str(_MEMORY_MIB)),
        *("-display", "none", "-nodefaults", "-no-reboot", "-serial", "stdio"),
        *("-kernel", str(hardware.image.kernel), "-initrd", str(hardware.image.initrd), "-append", " ".join(kernel)),
        *smbios_options(hardware),
        *("-netdev", address, "-device", f"virtio-net-pci,netdev=net,mac={MAC_ADDRESS}"),
        *("-device", "virtio-rng-pci", "-device", "virtio-serial-pci"),
        *("-chardev", f"socket,id=agent,path={hardware.agent},server=on,wait=off"),
        *("-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"),
        *(
            option
            for number, drive in enumerate(hardware.drives)
            for option in (
                *("-drive", f"file={drive.file},if=none,id=nvme{number},format=raw,discard=unmap,cache=unsafe"),
                *("-device", f"nvme,drive=nvme{number},serial={drive.serial}"),
            )
        ),
    )


def isolated_command(
    command: tuple[str, ...], *, namespace: Path, resolver: Path, library: Path, models: tuple[str, ...]
) -> tuple[str, ...]:
    """Return a command that runs qemu in a network namespace, with NVMe models of its own.

    Args:
        command: Command of qemu.
        namespace: Path of the network namespace.
        resolver: The resolv.conf by which qemu finds the name server that it offers by DHCP.
        library: The library that replaces the models.
        models: The models of the drives, in their order.
    """
    return (
        # Also when this process is killed, no virtual machine stays.
        *("setpriv", "--pdeathsig", "KILL", "nsenter", f"--net={namespace}", "unshare", "--mount"),
        *("sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', str(resolver)),
        *("env", f"LD_PRELOAD={library}", f"NVME_MODELS={'|'.join(models)}", *command),
    )
