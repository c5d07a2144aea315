"""A guest in a container of systemd-nspawn, with loop devices as its instance store."""

from __future__ import annotations

import subprocess
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from measure.boot.control_groups import enter_groups, own_groups
from measure.boot.guest import (
    COMMAND_SECONDS,
    DISK_MODEL,
    GUEST_ENVIRONMENT,
    Disk,
    Guest,
    GuestOutput,
    create_disk_file,
    disk_serial,
)
from measure.boot.guest_files import write_seed
from measure.boot.host import run_host
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from measure.boot.metadata import InstanceFacts

_START_SECONDS = 60
_POLL_SECONDS = 0.2


class Container(Guest):
    """A guest in a container.

    Attributes:
        root: Root folder of the guest.
    """

    patience = 1
    has_own_kernel = False

    def __init__(
        self, *, folder: Path, root: Path, namespace: Path, groups: Sequence[Path], disks: Sequence[Disk]
    ) -> None:
        """Describe the guest; `start_guest` starts it.

        Args:
            folder: Folder for the guest's console and its description of disks.
            root: Root folder of the guest.
            namespace: Path of the network namespace.
            groups: Control groups of its own.
            disks: The instance store.
        """
        super().__init__(folder=folder, disks=disks)
        self.root = root
        self._namespace = namespace
        self._groups = groups

    def start_guest(self) -> None:
        """Start the guest, and wait for its first process."""
        super().start_guest()
        self._await_leader()

    def run_inside(self, command: str, *, seconds: float = COMMAND_SECONDS) -> GuestOutput:
        """Run a shell command as root in the guest, as the SSM agent does."""
        entering = ("nsenter", "--target", str(self._await_leader()), "--all")
        try:
            done = subprocess.run(
                [*entering, *GUEST_ENVIRONMENT, "bash", "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise UserError(f"On a guest, {command} did not end within {seconds:.0f} s.", repair="try again") from error
        return GuestOutput(status=done.returncode, text=done.stdout.decode(errors="replace"))

    def request_stop(self, how: str) -> None:
        """Ask the guest to shut down."""
        self.run_inside(f"systemctl --no-block {how}")

    def kill_guest(self) -> None:
        """End the guest at once, whatever its state."""
        if self.process is None or self.process.poll() is not None:
            return
        with suppress(psutil.NoSuchProcess):
            _end_guest(psutil.Process(self.process.pid))
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self.process.kill()
        self.process.wait()

    def read_file(self, path: str) -> str:
        """Return a file of the guest, or "" if it does not exist."""
        try:
            return (self.root / path.lstrip("/")).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def _await_leader(self) -> int:
        """Return the ID of the guest's first process."""
        deadline = time.monotonic() + _START_SECONDS
        while self.process is not None and self.process.poll() is None and time.monotonic() < deadline:
            with suppress(psutil.NoSuchProcess):
                for child in psutil.Process(self.process.pid).children():
                    if child.name() == "systemd":
                        return child.pid
            time.sleep(_POLL_SECONDS)
        raise self.console_error("A guest does not run")

    def start_command(self) -> Sequence[str]:
        """Return the command of systemd-nspawn."""
        blocks = self.folder / "block"
        blocks.mkdir(exist_ok=True)
        binds = [f"--bind={blocks}:/sys/block", "--bind=/dev/fuse"]
        for disk in self.disks:
            described = blocks / f"nvme{disk.number}n1/device"
            described.mkdir(parents=True, exist_ok=True)
            (described / "model").write_text(f"{DISK_MODEL:40}\n", encoding="ascii")
            (described / "serial").write_text(f"{disk_serial(disk.number)}\n", encoding="ascii")
            binds.append(f"--bind={disk.device}:/dev/nvme{disk.number}n1")
        # Names of machines, which must be unique, have no underscores.
        machine = self._namespace.name.replace("_", "-")
        return (
            # When this process is killed, the guest is asked to shut down. A killed systemd-nspawn leaves it running.
            *(
                "setpriv",
                "--pdeathsig",
                "TERM",
                *enter_groups(self._groups),
                "env",
                "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1",
                "systemd-nspawn",
                "--quiet",
            ),
            *("--boot", "--console=pipe"),
            *("--register=no", "--keep-unit", "--link-journal=no", "--resolv-conf=off", "--timezone=off"),
            *(
                "--capability=all",
                f"--network-namespace-path={self._namespace}",
                f"--directory={self.root}",
                f"--machine={machine}",
                *binds,
            ),
        )


def _end_guest(nspawn: psutil.Process) -> None:
    for first in nspawn.children():
        # With a guest's first process the kernel ends all others, and systemd-nspawn ends by itself.
        with suppress(psutil.NoSuchProcess):
            first.kill()


@dataclass(frozen=True, kw_only=True)
class ContainerSystem:
    """The system of guests in containers.

    Attributes:
        image: Root folder of the image.
        layer: Folder that overlays the image.
    """

    image: Path
    layer: Path

    @contextmanager
    def open_guest(self, folder: Path, *, namespace: Path, disks: int, facts: InstanceFacts) -> Iterator[Container]:
        """Prepare a container as `GuestSystem` describes."""
        with ExitStack() as cleanup:
            root = cleanup.enter_context(_mounted_root(folder, (self.layer, self.image)))
            write_seed(root, instance=facts.instance, user_data=facts.user_data)
            groups = cleanup.enter_context(own_groups(namespace.name))
            store = [cleanup.enter_context(_open_disk(folder, number)) for number in range(1, disks + 1)]
            container = Container(folder=folder, root=root, namespace=namespace, groups=groups, disks=store)
            cleanup.callback(container.kill_guest)
            yield container

    def end_guests(self) -> None:
        """End all containers that this process has started."""
        for child in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):
                if child.name() == "systemd-nspawn":
                    _end_guest(child)


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
    file = create_disk_file(folder, number)
    device = run_host("losetup", "--find", "--show", str(file)).strip()
    try:
        yield Disk(file=file, device=device, number=number)
    finally:
        run_host("losetup", "--detach", device)
