"""What must be seen of a machine that has a kernel, devices and a network of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from measure.boot.expectations import require
from measure.boot.guest import DISK_MODEL
from measure.boot.metadata import PRIVATE_ADDRESS
from measure.boot.qemu_command import ROOT_MODEL

if TYPE_CHECKING:
    from measure.boot.trial_machine import TrialMachine

_MODULES = {"storage": {"xfs"}, "client": {"fuse"}}
"""Kernel modules that a profile needs."""

MOST_FILES = 2**63 - 1
"""The value to which systemd raises fs.file-max at boot."""


def require_own_hardware(machine: TrialMachine) -> None:
    """Compare a machine's data source, network, disks, modules and limits with those of an EC2 instance.

    Raises:
        Deviation: Something is not as wanted.
    """
    require("platform by its DMI data", machine.run_program("systemd-detect-virt").text, "amazon\n")
    # The service answers only requests with a token of its second version.
    source = machine.run_program("cloud-init query --format '{{v1.platform}} {{v1.instance_id}}'").text.strip()
    require("cloud-init's source", source, f"ec2 {machine.instance}")
    addresses = machine.run_program("ip -4 -oneline address show scope global dynamic").text.split()
    require("the address by DHCP", [word for word in addresses if "/" in word], [f"{PRIVATE_ADDRESS}/24"])
    models = machine.run_program("cat /sys/class/nvme/nvme*/model").text.splitlines()
    wanted = [ROOT_MODEL, *(DISK_MODEL for _ in machine.guest.disks)]
    require("models of the NVMe devices", sorted(model.strip() for model in models), sorted(wanted))
    loaded = {line.split()[0] for line in machine.run_program("lsmod").text.splitlines()}
    require("modules that are not loaded", _MODULES.get(machine.profile, set()) - loaded, set())
    require("fs.file-max", machine.run_program("sysctl --values fs.file-max").text, f"{MOST_FILES}\n")
