"""What the boot test decides about virtual machines without starting one."""

from __future__ import annotations

import base64
import re
from itertools import pairwise
from pathlib import Path

import pytest

from measure.boot.guest import DISK_MODEL, GuestOutput, disk_serial
from measure.boot.guest_agent import read_output
from measure.boot.host import missing_packages
from measure.boot.image import MachineImage
from measure.boot.qemu_command import (
    ROOT_MODEL,
    ROOT_SERIAL,
    Drive,
    Hardware,
    isolated_command,
    qemu_command,
    system_uuid,
)


def hardware(*, uses_kvm: bool = False) -> Hardware:
    image = MachineImage(disk=Path("/c/root.raw"), kernel=Path("/c/vmlinuz"), initrd=Path("/c/initrd.img"))
    drives = (
        Drive(file=Path("/m/disk0"), model=ROOT_MODEL, serial=ROOT_SERIAL),
        Drive(file=Path("/m/disk1"), model=DISK_MODEL, serial=disk_serial(1)),
    )
    return Hardware(
        instance="i-1",
        instance_type="i4i.large",
        image=image,
        drives=drives,
        agent=Path("/m/agent.sock"),
        uses_kvm=uses_kvm,
    )


def option_values(command: tuple[str, ...], option: str) -> list[str]:
    return [value for name, value in pairwise(command) if name == option]


def test_dmi_data_are_those_by_which_cloud_init_knows_ec2() -> None:
    command = qemu_command(hardware())
    uuid = system_uuid("i-1")

    assert re.fullmatch(r"ec2[0-9a-f]{5}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}", uuid)
    assert option_values(command, "-uuid") == [uuid]
    assert f"type=1,manufacturer=Amazon EC2,product=i4i.large,serial={uuid},uuid={uuid}" in command


def test_drives_have_the_models_and_serial_numbers_of_ec2_in_their_order() -> None:
    command = isolated_command(
        qemu_command(hardware()),
        namespace=Path("/run/netns/n"),
        resolver=Path("/m/resolv.conf"),
        library=Path("/m/models.so"),
        models=(ROOT_MODEL, DISK_MODEL),
    )

    assert [drive.partition(",")[0] for drive in option_values(command, "-drive")] == ["file=/m/disk0", "file=/m/disk1"]
    nvme = [device for device in option_values(command, "-device") if device.startswith("nvme,")]
    assert nvme == ["nvme,drive=nvme0,serial=vol00000000000000001", "nvme,drive=nvme1,serial=AWS00000001ABCDEF012"]
    assert "NVME_MODELS=Amazon Elastic Block Store|Amazon EC2 NVMe Instance Storage" in command
    # The lengths of NVMe's fields.
    assert max(len(ROOT_MODEL), len(DISK_MODEL)) <= 40
    assert max(len(ROOT_SERIAL), len(disk_serial(1))) <= 20


def test_a_virtual_machine_has_no_network_but_its_namespace_and_ends_with_its_runner() -> None:
    command = isolated_command(
        qemu_command(hardware()),
        namespace=Path("/run/netns/n"),
        resolver=Path("/m/resolv.conf"),
        library=Path("/m/models.so"),
        models=(),
    )

    assert command[:4] == ("setpriv", "--pdeathsig", "KILL", "nsenter")
    assert "--net=/run/netns/n" in command
    # A reboot ends qemu, so the test sees it and starts it again.
    assert "-no-reboot" in command


def test_the_processor_is_emulated_unless_kvm_is_chosen() -> None:
    assert option_values(qemu_command(hardware()), "-accel") == ["tcg,thread=multi"]
    assert option_values(qemu_command(hardware(uses_kvm=True)), "-accel") == ["kvm"]


def test_only_the_packages_of_the_chosen_kind_of_guests_are_missing() -> None:
    def is_installed(program: str) -> bool:
        return program not in ("qemu-system-x86_64", "systemd-nspawn", "mmdebstrap")

    assert missing_packages(is_virtual=True, is_installed=is_installed) == ["mmdebstrap", "qemu-system-x86"]
    assert missing_packages(is_virtual=False, is_installed=is_installed) == ["mmdebstrap", "systemd-container"]


@pytest.mark.parametrize(
    "state,output",
    [
        ({"exitcode": 3, "out-data": base64.b64encode(b"no").decode()}, GuestOutput(status=3, text="no")),
        ({"signal": 9}, GuestOutput(status=137, text="")),
    ],
)
def test_the_agents_answer_is_a_commands_result(state: dict[str, object], output: GuestOutput) -> None:
    assert read_output(state) == output
