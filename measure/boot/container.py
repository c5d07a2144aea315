"""A guest in a container of systemd-nspawn, with loop devices as its instance store."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from measure.boot.host import run_host
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

DISK_BYTES = 1 << 30
DISK_MODEL = "Amazon EC2 NVMe Instance Storage"
_COMMAND_SECONDS = 60
_START_SECONDS = 60
_STOP_SECONDS = 60
_POLL_SECONDS = 0.2
_ENVIRONMENT = ("env", "--ignore-environment", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root")


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
        device: Loop device.
        number: Number of the NVMe device on the guest, from 1.
    """

    file: Path
    device: str
    number: int

    def empty_disk(self) -> None:
        """Make the disk empty, as it is after its instance was stopped."""
        os.truncate(self.file, 0)
        os.truncate(self.file, DISK_BYTES)
        # The kernel keeps pages of the device.
        run_host("blockdev", "--flushbufs", self.device)


class Container:
    """A guest.

    Attributes:
        root: Root folder of the guest.
        disks: The instance store.
    """

    def __init__(self, *, folder: Path, root: Path, namespace: Path, disks: Sequence[Disk]) -> None:
        """Describe the guest; `start_guest` starts it.

        Args:
            folder: Folder for the guest's console and its description of disks.
            root: Root folder of the guest.
            namespace: Path of the network namespace.
            disks: The instance store.
        """
        self.root = root
        self.disks = disks
        self._folder = folder
        self._namespace = namespace
        self._process: subprocess.Popen[bytes] | None = None

    def start_guest(self) -> None:
        """Start the guest; it need not have booted on return."""
        with (self._folder / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                self._nspawn_command(),
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._await_leader()

    def run_inside(self, command: str, *, seconds: float = _COMMAND_SECONDS) -> GuestOutput:
        """Run a shell command as root in the guest, as the SSM agent does."""
        entering = ("nsenter", "--target", str(self._await_leader()), "--all")
        try:
            done = subprocess.run(
                [*entering, *_ENVIRONMENT, "bash", "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise UserError(f"On a guest, {command} did not end within {seconds:.0f} s.", repair="try again") from error
        return GuestOutput(status=done.returncode, text=done.stdout.decode(errors="replace"))

    def reboot_guest(self) -> None:
        """Reboot the guest."""
        self.stop_guest("reboot")
        self.start_guest()

    def stop_guest(self, how: str = "poweroff") -> None:
        """Shut the guest down, and wait for its end."""
        self.run_inside(f"systemctl --no-block {how}")
        if self._process is not None:
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired as error:
                raise UserError("A guest did not shut down.", repair=f"see {self._folder}/console.log") from error

    def kill_guest(self) -> None:
        """End the guest at once, whatever its state."""
        if self._process is None or self._process.poll() is not None:
            return
        with suppress(psutil.NoSuchProcess):
            _end_guest(psutil.Process(self._process.pid))
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._process.wait()

    def read_file(self, path: str) -> str:
        """Return a file of the guest, or "" if it does not exist."""
        try:
            return (self.root / path.lstrip("/")).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def _await_leader(self) -> int:
        """Return the ID of the guest's first process."""
        deadline = time.monotonic() + _START_SECONDS
        while self._process is not None and self._process.poll() is None and time.monotonic() < deadline:
            with suppress(psutil.NoSuchProcess):
                for child in psutil.Process(self._process.pid).children():
                    if child.name() == "systemd":
                        return child.pid
            time.sleep(_POLL_SECONDS)
        raise UserError("A guest does not run.", repair=f"see {self._folder}/console.log")

    def _nspawn_command(self) -> tuple[str, ...]:
        blocks = self._folder / "block"
        blocks.mkdir(exist_ok=True)
        binds = [f"--bind={blocks}:/sys/block", "--bind=/dev/fuse"]
        for disk in self.disks:
            described = blocks / f"nvme{disk.number}n1/device"
            described.mkdir(parents=True, exist_ok=True)
            (described / "model").write_text(f"{DISK_MODEL:40}\n", encoding="ascii")
            (described / "serial").write_text(f"AWS0000000{disk.number}ABCDEF012\n", encoding="ascii")
            binds.append(f"--bind={disk.device}:/dev/nvme{disk.number}n1")
        # Names of machines, which must be unique, have no underscores.
        machine = self._namespace.name.replace("_", "-")
        return (
            # When this process is killed, the guest is asked to shut down. A killed systemd-nspawn leaves it running.
            *("setpriv", "--pdeathsig", "TERM", "systemd-nspawn", "--quiet", "--boot", "--console=pipe"),
            *("--register=no", "--keep-unit", "--link-journal=no", "--resolv-conf=off", "--timezone=off"),
            *(
                "--capability=all",
                f"--network-namespace-path={self._namespace}",
                f"--directory={self.root}",
                f"--machine={machine}",
                *binds,
            ),
        )


def end_guests(runner: psutil.Process) -> None:
    """End all guests that a process has started."""
    for child in runner.children():
        with suppress(psutil.NoSuchProcess):
            if child.name() == "systemd-nspawn":
                _end_guest(child)


def _end_guest(nspawn: psutil.Process) -> None:
    for first in nspawn.children():
        # With a guest's first process the kernel ends all others, and systemd-nspawn ends by itself.
        with suppress(psutil.NoSuchProcess):
            first.kill()


@contextmanager
def open_container(
    folder: Path, *, layers: Sequence[Path], namespace: Path, disks: int, files: Mapping[str, bytes]
) -> Iterator[Container]:
    """Prepare a guest that is not started yet; at the end, end it and remove its disks.

    Args:
        folder: An empty folder for its files.
        layers: Read-only folders that its root folder consists of, the topmost first.
        namespace: Path of its network namespace.
        disks: Number of disks of its instance store.
        files: Files to write to its root folder.
    """
    with ExitStack() as cleanup:
        root = cleanup.enter_context(_mounted_root(folder, layers))
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        store = [cleanup.enter_context(_open_disk(folder, number)) for number in range(1, disks + 1)]
        container = Container(folder=folder, root=root, namespace=namespace, disks=store)
        cleanup.callback(container.kill_guest)
        yield container


@contextmanager
def _mounted_root(folder: Path, layers: Sequence[Path]) -> Iterator[Path]:
    root, upper, work = folder / "root", folder / "upper", folder / "work"
    for path in (root, upper, work):
        path.mkdir(parents=True)
    lower = ":".join(map(str, layers))
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    run_host("mount", "-t", "overlay", "overlay", "-o", options, str(root))
    try:
        yield root
    finally:
        run_host("umount", "--lazy", str(root))


@contextmanager
def _open_disk(folder: Path, number: int) -> Iterator[Disk]:
    file = folder / f"disk{number}"
    file.touch()
    os.truncate(file, DISK_BYTES)
    device = run_host("losetup", "--find", "--show", str(file)).strip()
    try:
        yield Disk(file=file, device=device, number=number)
    finally:
        run_host("losetup", "--detach", device)
