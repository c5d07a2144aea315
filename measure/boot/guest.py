"""A guest: the system that runs a machine's user data, in a container or in a virtual machine."""

from __future__ import annotations

import os
import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from measure.boot.host import run_host
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from measure.boot.metadata import InstanceFacts

DISK_BYTES = 1 << 30
DISK_MODEL = "Amazon EC2 NVMe Instance Storage"
"""Model of disks of the instance store (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/nvme-ebs-volumes.html)."""

COMMAND_SECONDS = 60
GUEST_ENVIRONMENT = ("env", "--ignore-environment", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root")
"""Runs a command without variables of the caller."""

_STOP_SECONDS = 60
_CONSOLE_CHARACTERS = 1000


@dataclass(frozen=True, kw_only=True)
class GuestOutput:
    """The result of a command in a guest.

    Attributes:
        status: Exit status.
        text: Standard output and error.
    """

    status: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A disk of the instance store.

    Attributes:
        file: File with its content.
        device: Its block device on this machine, or else the file.
        number: Number of the NVMe device on the guest, from 1.
    """

    file: Path
    device: str
    number: int

    def empty_disk(self) -> None:
        """Make the disk empty, as it is after its instance was stopped."""
        os.truncate(self.file, 0)
        os.truncate(self.file, DISK_BYTES)
        if self.device != str(self.file):
            # The kernel keeps pages of the device.
            run_host("blockdev", "--flushbufs", self.device)


def disk_serial(number: int) -> str:
    """Return the serial number of a disk of the instance store."""
    return f"AWS0000000{number}ABCDEF012"


class Guest(ABC):
    """A guest.

    Attributes:
        folder: Folder of its files, such as its console.
        disks: The instance store.
    """

    patience: ClassVar[float]
    """How many times as long as a container it takes for everything."""

    has_own_kernel: ClassVar[bool]
    """Whether kernel, devices and network are its own, rather than those of its host."""

    def __init__(self, *, folder: Path, disks: Sequence[Disk]) -> None:
        """Describe the guest; `start_guest` starts it."""
        self.folder = folder
        self.disks = disks
        self.process: subprocess.Popen[bytes] | None = None

    def start_guest(self) -> None:
        """Start the guest; it need not have booted on return."""
        with (self.folder / "console.log").open("ab") as console:
            self.process = subprocess.Popen(
                self.start_command(),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def reboot_guest(self) -> None:
        """Reboot the guest."""
        self.stop_guest("reboot")
        self.start_guest()

    def stop_guest(self, how: str = "poweroff") -> None:
        """Shut the guest down, and wait for its end."""
        self.request_stop(how)
        if self.process is not None:
            try:
                self.process.wait(_STOP_SECONDS * self.patience)
            except subprocess.TimeoutExpired as error:
                raise self.console_error("A guest did not shut down") from error

    def console_error(self, problem: str) -> UserError:
        """Return an error with the end of the console, which does not outlive the run."""
        console = (self.folder / "console.log").read_text(encoding="utf-8", errors="replace")
        return UserError(f"{problem}. End of its console: {console[-_CONSOLE_CHARACTERS:]}", repair="try again")

    @abstractmethod
    def start_command(self) -> Sequence[str]:
        """Return the command whose process is the guest; it ends when the guest shuts down or reboots."""

    @abstractmethod
    def request_stop(self, how: str) -> None:
        """Ask the guest to shut down.

        Args:
            how: Command of systemctl, such as `reboot`.
        """

    @abstractmethod
    def run_inside(self, command: str, *, seconds: float = COMMAND_SECONDS) -> GuestOutput:
        """Run a shell command as root in the guest, as the SSM agent does.

        Args:
            command: The command.
            seconds: Time limit on a container.
        """

    @abstractmethod
    def read_file(self, path: str) -> str:
        """Return a file of the guest, or "" if it cannot be read, as during a boot."""

    @abstractmethod
    def kill_guest(self) -> None:
        """End the guest at once, whatever its state."""


class GuestSystem(Protocol):
    """The system of a run's guests, and the way to run it."""

    def open_guest(
        self, folder: Path, *, namespace: Path, disks: int, facts: InstanceFacts
    ) -> AbstractContextManager[Guest]:
        """Prepare a guest that is not started yet; at the end, end it and remove its disks.

        Args:
            folder: Path for a new folder of its files.
            namespace: Path of its network namespace.
            disks: Number of disks of its instance store.
            facts: What its instance is.
        """

    def end_guests(self) -> None:
        """End all guests that this process has started, from any thread."""


def create_disk_file(folder: Path, number: int) -> Path:
    """Create the file of an empty disk of the instance store."""
    file = folder / f"disk{number}"
    file.touch()
    os.truncate(file, DISK_BYTES)
    return file
