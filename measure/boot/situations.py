"""The situations that machines are brought into, and what must be seen of them."""

from __future__ import annotations

import fcntl
import json
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.boot.userdata import PROGRAM_FOLDER
from measure.boot.container import Container
from measure.boot.expectations import Deviation, pause_test, require
from measure.boot.faults import FaultKind
from measure.boot.gateway import ARCHIVE_HOST
from measure.boot.hardware import require_own_hardware
from measure.boot.host import run_host
from measure.boot.metadata import SILENCE, SPOT_NOTICE
from measure.boot.readiness import (
    BOOT_SECONDS,
    await_boot,
    await_result,
    list_hook_answers,
    require_mounts,
    require_ready_node,
    require_ready_orchestrator,
    require_running,
)
from measure.boot.trial_account import TRIAL_BUCKET
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from measure.boot.trial_machine import TrialMachine

REPORT_SECONDS = 150
"""Longest time from a boot to its report on a busy machine, in seconds: a retry may be a minute away."""

_FAULT_SECONDS = 30
"""How long an outage lasts: longer than the retries of one call, in seconds."""

_DRAIN_SECONDS = 60
_LOCKS = ("var/lib/dpkg/lock-frontend", "var/lib/dpkg/lock", "var/lib/apt/lists/lock", "var/cache/apt/archives/lock")
_DROP_IN = "/run/systemd/system/cfs-repl.service.d/stand-in.conf"
_KEPT_FILE = "/data/nvme0/kept"


@dataclass(frozen=True, kw_only=True)
class Situation:
    """A situation.

    Attributes:
        name: Its name on the command line.
        happen: Brings a machine into it; raises Deviation unless everything is as wanted, and leaves the machine ready.
        is_first_boot: Whether it starts the machine; others need a machine that is ready.
    """

    name: str
    happen: Callable[[TrialMachine], None]
    is_first_boot: bool = False


def boot_first(machine: TrialMachine) -> None:
    """Boot to ready."""
    machine.guest.start_guest()
    await_boot(machine)
    if machine.guest.has_own_kernel:
        require_own_hardware(machine)
    if machine.profile == "orchestrator":
        require_ready_orchestrator(machine)
    else:
        require("BootFailed", machine.list_counts("BootFailed"), [0.0])
        require_ready_node(machine)


def boot_without_packages(machine: TrialMachine) -> None:
    """Boot while the source of packages has no name, closes connections, answers 503, and changes files."""
    kinds = (FaultKind.NO_NAME, FaultKind.DROP, FaultKind.UNAVAILABLE, FaultKind.CORRUPT)
    for kind in kinds:
        with machine.gateway.faults.cause_fault(kind, f"{ARCHIVE_HOST}*"):
            if kind == kinds[0]:
                machine.guest.start_guest()
                _await_log(machine, " packages\n", "the step packages")
            pause_test(_FAULT_SECONDS / len(kinds))
            if " cloudwatch_agent\n" in _bootstrap_log(machine):
                raise Deviation(f"packages were installed although their source should {kind}")
    await_boot(machine)
    require_ready_node(machine)


def boot_with_held_locks(machine: TrialMachine) -> None:
    """Boot while another program holds the locks of apt and dpkg, as Ubuntu's own updates do."""
    with _held_locks(machine):
        machine.guest.start_guest()
        _await_log(machine, " packages\n", "the step packages")
        pause_test(_FAULT_SECONDS)
        require("boot-complete", machine.guest.read_file("var/lib/cfs/boot-complete"), "")
    with ExitStack() as held:
        # dpkg's locks for each package that is downloaded besides apt.
        _await_log(machine, " cloudwatch_agent\n", "the step cloudwatch_agent")
        held.enter_context(_held_locks(machine))
        pause_test(_FAULT_SECONDS / 3)
    await_boot(machine)
    require_ready_node(machine)


def boot_without_releases(machine: TrialMachine) -> None:
    """Boot while S3 never answers: the failure is reported, and `prepare` succeeds when it is run again."""
    with machine.gateway.faults.cause_fault(FaultKind.HANG, f"{TRIAL_BUCKET}.s3.*"):
        machine.guest.start_guest()
        require("the failed step", await_result(machine), "release")
        machine.await_state(
            "answers to the launch hook", lambda: list_hook_answers(machine), bool, seconds=REPORT_SECONDS
        )
    require("the launch hook's answer", list_hook_answers(machine), ["ABANDON"])
    require("tag BootState", machine.read_tag("BootState"), "failed:release")
    require("BootFailed", machine.list_counts("BootFailed"), [1.0])
    status = machine.run_program("cloud-init status --wait", seconds=REPORT_SECONDS).text
    if "status: error" not in status:
        raise Deviation(f"cloud-init does not show the failure: {status}")
    repaired = machine.run_program(f"{PROGRAM_FOLDER}/prepare", seconds=BOOT_SECONDS)
    require(f"prepare, run again ({repaired.text.strip()})", repaired.status, 0)
    require("tag BootState", machine.read_tag("BootState"), "ready")
    require_running(machine)


def boot_again(machine: TrialMachine) -> None:
    """Reboot: the machine is ready again, and a storage node keeps the data of its disks."""
    if machine.profile == "orchestrator":
        machine.guest.reboot_guest()
        require_ready_orchestrator(machine)
        return
    mounts = {}
    if machine.profile == "storage":
        mounts = require_mounts(machine)
        machine.run_program(f"echo kept >{_KEPT_FILE}; sync")
    with _reported_boot(machine):
        machine.guest.reboot_guest()
    require_ready_node(machine)
    if machine.profile == "storage":
        require("mounts after the reboot", require_mounts(machine), mounts)
        require("a file's content", machine.run_program(f"cat {_KEPT_FILE}").text, "kept\n")


def lose_instance_store(machine: TrialMachine) -> None:
    """Stop and start the instance, after which its instance store is empty."""
    before = require_mounts(machine)
    machine.guest.stop_guest()
    for disk in machine.guest.disks:
        disk.empty_disk()
    with _reported_boot(machine):
        machine.guest.start_guest()
    require_ready_node(machine)
    require("file systems that are still the same", set(before.values()) & set(require_mounts(machine).values()), set())


def find_foreign_disk(machine: TrialMachine) -> None:
    """Boot with a disk of unknown content, which must be left alone; then without it."""
    machine.guest.stop_guest()
    disk = machine.guest.disks[-1]
    disk.empty_disk()
    run_host("mkfs.ext4", "-q", "-L", "precious", disk.device)
    machine.guest.start_guest()
    machine.await_state(
        "tag BootState",
        lambda: machine.read_tag("BootState"),
        lambda state: state == "failed:disks",
        seconds=REPORT_SECONDS,
    )
    machine.await_state(
        "BootFailed", lambda: machine.list_counts("BootFailed"), lambda counts: 1.0 in counts, seconds=REPORT_SECONDS
    )
    states = {unit: machine.unit_state(unit) for unit in machine.list_units() if unit != "cfs-repl.service"}
    require("units", states, dict.fromkeys(states, "inactive"))
    require(
        "the foreign disk", run_host("blkid", "--match-tag", "LABEL", "--output", "value", disk.device), "precious\n"
    )
    machine.guest.stop_guest()
    disk.empty_disk()
    with _reported_boot(machine):
        machine.guest.start_guest()
    require_ready_node(machine)


def reboot_without_ec2(machine: TrialMachine) -> None:
    """Reboot while EC2 answers 503: afterwards everything must run without help."""
    with _reported_boot(machine):
        with machine.gateway.faults.cause_fault(FaultKind.UNAVAILABLE, "ec2.*"):
            before = len(machine.gateway.requests)
            machine.guest.reboot_guest()
            machine.await_state(
                "failed look-ups of the other sites",
                lambda: [asked for asked in machine.gateway.requests[before:] if asked.action == "DescribeInstances"],
                bool,
                seconds=60,
            )
            pause_test(_FAULT_SECONDS)
        machine.await_state(
            "cfs-repl",
            lambda: machine.unit_state("cfs-repl.service"),
            lambda state: state == "active",
            seconds=REPORT_SECONDS,
        )
    require_ready_node(machine)


def reboot_without_metadata(machine: TrialMachine) -> None:
    """Reboot while the metadata service is silent."""
    with _reported_boot(machine), machine.gateway.faults.cause_fault(FaultKind.HANG, SILENCE):
        machine.guest.reboot_guest()
        pause_test(_FAULT_SECONDS)
    require_ready_node(machine)


def roll_out(machine: TrialMachine) -> None:
    """Install a second release and go back, with the commands of the SSM documents."""
    for release in (machine.world.second, machine.world.first):
        installed = machine.install_release(release)
        require(f"installation ({installed.text.strip()})", installed.status, 0)
        probed = machine.send_command("probe", ExpectedVersion=release.version)
        require(f"probe ({probed.text.strip()})", probed.status, 0)
        require("tag Version", machine.read_tag("Version"), release.version)
    require_running(machine)


def refuse_corrupt_release(machine: TrialMachine) -> None:
    """Refuse an archive with another SHA-256 than described, and keep the old release."""
    processes = _main_processes(machine)
    refused = machine.install_release(machine.world.corrupt)
    require(f"the installation's status ({refused.text.strip()})", refused.status, 1)
    if "has another SHA-256 than" not in refused.text:
        raise Deviation(f"the release was refused for another reason: {refused.text}")
    require("main processes", _main_processes(machine), processes)
    require("tag Version", machine.read_tag("Version"), machine.world.first.version)
    require_running(machine)


def notice_interruption(machine: TrialMachine) -> None:
    """Drain after a spot notice; an installation starts the units again."""
    machine.gateway.metadata.items[SPOT_NOTICE] = json.dumps({"action": "terminate", "time": "2030-01-01T00:00:00Z"})
    machine.await_state(
        "Drained", lambda: machine.list_counts("Drained"), lambda counts: counts == [1.0], seconds=_DRAIN_SECONDS
    )
    del machine.gateway.metadata.items[SPOT_NOTICE]
    states = {unit: machine.unit_state(unit) for unit in machine.list_units()}
    require("units", states, dict.fromkeys(states, "inactive"))
    require("DrainFailed", machine.list_counts("DrainFailed"), [])
    require("installation", machine.install_release(machine.world.first).status, 0)
    require_running(machine)


def drain_stubborn_unit(machine: TrialMachine) -> None:
    """Drain a node with a unit that ignores SIGTERM: the drain has failed."""
    _change_program(machine, "stubborn")
    drained = machine.send_command("drain", Reason="boot-test")
    require(f"the drain's status ({drained.text.strip()})", drained.status, 1)
    require("DrainFailed", machine.list_counts("DrainFailed"), [1.0])
    _restore_program(machine)


def crash_repeatedly(machine: TrialMachine) -> None:
    """Run a program that ends every 4 seconds: probes fail, and EC2 is not asked at each restart for good."""
    _change_program(machine, "crashing")
    asked_before = len(machine.gateway.requests)
    began = time.monotonic()
    for _ in range(3):
        probed = machine.run_program(f"{PROGRAM_FOLDER}/probe")
        require(f"the probe's status ({probed.text.strip()})", probed.status, 1)
    asked = [asked for asked in machine.gateway.requests[asked_before:] if asked.action == "DescribeInstances"]
    # With constant pauses of 2 seconds there would be one in 6 seconds.
    allowed = 2 + (time.monotonic() - began) / 8
    if len(asked) > allowed:
        raise Deviation(f"{len(asked)} calls of DescribeInstances, at most {allowed:.0f} wanted")
    _restore_program(machine)


@contextmanager
def _reported_boot(machine: TrialMachine) -> Iterator[None]:
    """Wait after the block until the node has reported one more boot as ready."""
    before = machine.list_counts("BootFailed").count(0.0)
    yield
    machine.await_state(
        "a boot that is reported as ready",
        lambda: (machine.list_counts("BootFailed").count(0.0), machine.read_tag("BootState")),
        lambda seen: seen[0] > before and seen[1] == "ready",
        seconds=REPORT_SECONDS,
    )


@contextmanager
def _held_locks(machine: TrialMachine) -> Iterator[None]:
    if not isinstance(machine.guest, Container):
        raise UserError("Locks are held only in containers.", repair="choose another situation")
    with ExitStack() as opened:
        for path in _LOCKS:
            file = machine.guest.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            lock = opened.enter_context(file.open("a"))
            fcntl.lockf(lock, fcntl.LOCK_EX)
        yield


def _await_log(machine: TrialMachine, text: str, what: str) -> None:
    machine.await_state(what, lambda: _bootstrap_log(machine), lambda log: text in log, seconds=BOOT_SECONDS)


def _bootstrap_log(machine: TrialMachine) -> str:
    return machine.guest.read_file("var/log/cfs-bootstrap.log")


def _main_processes(machine: TrialMachine) -> str:
    return machine.run_program(f"systemctl show --property MainPID {' '.join(machine.list_units())}").text


def _change_program(machine: TrialMachine, how: str) -> None:
    text = f"[Service]\nEnvironment=STAND_IN={how}\n"
    written = machine.run_program(
        f"mkdir --parents $(dirname {_DROP_IN}) && printf '{text!s}' >{_DROP_IN} && systemctl daemon-reload && "
        "systemctl restart cfs-repl.service"
    )
    require(f"another program ({written.text.strip()})", written.status, 0)


def _restore_program(machine: TrialMachine) -> None:
    machine.run_program(f"rm {_DROP_IN} && systemctl daemon-reload")
    installed = machine.install_release(machine.world.first)
    require(f"installation ({installed.text.strip()})", installed.status, 0)
    require_running(machine)


FIRST_BOOT = Situation(name="boot", happen=boot_first, is_first_boot=True)
SECOND_BOOT = Situation(name="second-boot", happen=boot_again)
STORE_GONE = Situation(name="store-gone", happen=lose_instance_store)
FOREIGN_DISK = Situation(name="foreign-disk", happen=find_foreign_disk)
EC2_UNAVAILABLE = Situation(name="ec2-unavailable", happen=reboot_without_ec2)
METADATA_SILENT = Situation(name="metadata-silent", happen=reboot_without_metadata)
ROLL_OUT = Situation(name="roll-out", happen=roll_out)
CORRUPT_RELEASE = Situation(name="corrupt-release", happen=refuse_corrupt_release)
SPOT_DRAIN = Situation(name="spot-notice", happen=notice_interruption)
STUBBORN_UNIT = Situation(name="stubborn-unit", happen=drain_stubborn_unit)
CRASH_LOOP = Situation(name="crash-loop", happen=crash_repeatedly)
PACKAGES_DOWN = Situation(name="packages-down", happen=boot_without_packages, is_first_boot=True)
RELEASES_SILENT = Situation(name="releases-silent", happen=boot_without_releases, is_first_boot=True)
HELD_LOCKS = Situation(name="held-locks", happen=boot_with_held_locks, is_first_boot=True)
