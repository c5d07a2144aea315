"""A guest in a virtual machine of qemu, with NVMe drives as its disks."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from measure.boot.downloads import STAND_INS
from measure.boot.expectations import pause_test
from measure.boot.guest import COMMAND_SECONDS, DISK_MODEL, Disk, Guest, GuestOutput, create_disk_file, disk_serial
from measure.boot.guest_agent import AgentSilentError, GuestAgent
from measure.boot.host import run_host
from measure.boot.namespaces import NAME_SERVER_ADDRESS
from measure.boot.qemu_command import (
    QEMU,
    ROOT_MODEL,
    ROOT_SERIAL,
    Drive,
    Hardware,
    isolated_command,
    qemu_command,
)
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from measure.boot.image import MachineImage
    from measure.boot.metadata import InstanceFacts

_ANSWER_SECONDS = 300
"""How long the agent may be silent, as while the machine boots, in seconds."""

_POLL_SECONDS = 0.5


class VirtualMachine(Guest):
    """A guest in a virtual machine."""

    # An emulated processor on a busy machine.
    patience = 6
    has_own_kernel = True

    def __init__(self, *, folder: Path, command: Sequence[str], agent: Path, disks: Sequence[Disk]) -> None:
        """Describe the guest; `start_guest` starts it.

        Args:
            folder: Folder of its files.
            command: The command of qemu.
            agent: Path of the socket of its guest agent.
            disks: The instance store.
        """
        super().__init__(folder=folder, disks=disks)
        self._command = command
        self._agent = GuestAgent(agent)

    def start_command(self) -> Sequence[str]:
        """Return the command of qemu."""
        return self._command

    def request_stop(self, how: str) -> None:
        """Ask the guest to shut down, without waiting for an answer."""
        self._start_inside(f"systemctl --no-block {how}")

    def run_inside(self, command: str, *, seconds: float = COMMAND_SECONDS) -> GuestOutput:
        """Run a shell command as root, as soon as the guest's agent answers."""
        return self._await_output(self._start_inside(command), command, seconds=seconds * self.patience)

    def read_file(self, path: str) -> str:
        """Return a file of the guest, or "" if it cannot be read."""
        self._require_running()
        command = f"cat /{path.lstrip('/')}"
        try:
            process = self._agent.start_command(command)
        except AgentSilentError:
            return ""
        found = self._await_output(process, command, seconds=COMMAND_SECONDS * self.patience)
        return found.text if found.status == 0 else ""

    def _start_inside(self, command: str) -> int:
        deadline = time.monotonic() + _ANSWER_SECONDS
        while True:
            self._require_running()
            try:
                return self._agent.start_command(command)
            except AgentSilentError as error:
                if time.monotonic() > deadline:
                    raise self.console_error("A guest's agent does not answer") from error
                pause_test(_POLL_SECONDS)

    def _await_output(self, process: int, command: str, *, seconds: float) -> GuestOutput:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._require_running()
            with suppress(AgentSilentError):
                if output := self._agent.find_output(process):
                    return output
            pause_test(_POLL_SECONDS)
        raise UserError(f"On a guest, {command} did not end within {seconds:.0f} s.", repair="try again")

    def _require_running(self) -> None:
        if self.process is None or self.process.poll() is not None:
            raise self.console_error("A guest does not run")

    def kill_guest(self) -> None:
        """End the guest at once, whatever its state."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True, kw_only=True)
class VirtualSystem:
    """The system of guests in virtual machines.

    Attributes:
        image: The image.
        layer: Folder that is copied over each machine's root file system.
        library: Library that replaces qemu's models of NVMe drives.
        uses_kvm: Whether the processor is virtual, by /dev/kvm, rather than emulated.
    """

    image: MachineImage
    layer: Path
    library: Path
    uses_kvm: bool

    @contextmanager
    def open_guest(
        self, folder: Path, *, namespace: Path, disks: int, facts: InstanceFacts
    ) -> Iterator[VirtualMachine]:
        """Prepare a virtual machine as `GuestSystem` describes."""
        folder.mkdir()
        root = _create_root(folder, image=self.image, layer=self.layer)
        files = [create_disk_file(folder, number) for number in range(1, disks + 1)]
        store = [Disk(file=file, device=str(file), number=number) for number, file in enumerate(files, start=1)]
        drives = (
            Drive(file=root, model=ROOT_MODEL, serial=ROOT_SERIAL),
            *(Drive(file=disk.file, model=DISK_MODEL, serial=disk_serial(disk.number)) for disk in store),
        )
        resolver, agent = folder / "resolv.conf", folder / "agent.sock"
        resolver.write_text(f"nameserver {NAME_SERVER_ADDRESS}\n", encoding="ascii")
        hardware = Hardware(
            instance=facts.instance,
            instance_type=facts.instance_type,
            image=self.image,
            drives=drives,
            agent=agent,
            uses_kvm=self.uses_kvm,
        )
        command = isolated_command(
            qemu_command(hardware),
            namespace=namespace,
            resolver=resolver,
            library=self.library,
            models=tuple(drive.model for drive in drives),
        )
        machine = VirtualMachine(folder=folder, command=command, agent=agent, disks=store)
        try:
            yield machine
        finally:
            machine.kill_guest()

    def end_guests(self) -> None:
        """End all virtual machines that this process has started."""
        for child in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):
                if QEMU in child.cmdline():
                    child.kill()


def _create_root(folder: Path, *, image: MachineImage, layer: Path) -> Path:
    """Create the root disk of a machine: a copy of the image's, with the files of the layer."""
    disk, mounted = folder / "disk0", folder / "root"
    run_host("cp", "--sparse=always", "--reflink=auto", str(image.disk), str(disk))
    mounted.mkdir()
    run_host("mount", "-o", "loop", str(disk), str(mounted))
    try:
        run_host("cp", "--recursive", "--no-dereference", "--preserve=mode", f"{layer}/.", str(mounted))
    finally:
        run_host("umount", str(mounted))
    return disk


def build_model_library(folder: Path) -> Path:
    """Compile the library that replaces qemu's models of NVMe drives."""
    library = folder / "nvme_models.so"
    options = ("-O1", "-fno-builtin", "-shared", "-fPIC")
    run_host("gcc", *options, "-o", str(library), str(STAND_INS / "nvme_models.c"))
    return library
