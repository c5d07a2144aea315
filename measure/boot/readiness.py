"""What must be seen of a machine that is ready: from inside, and at the account."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from infra.boot.userdata import PROGRAM_FOLDER
from measure.boot.expectations import Deviation, require
from measure.boot.guest_files import KERNEL_SETTINGS

if TYPE_CHECKING:
    from measure.boot.trial_machine import TrialMachine

BOOT_SECONDS = 480
TIMER_SECONDS = 100
"""A guest's patience times this is longer than the interval of any timer."""
CONTAINER_FAILURES = frozenset(
    {"auth-rpcgss-module.service", "nvmf-autoconnect.service", "rpc-gssd.service", "run-rpc_pipefs.mount"}
)
"""Units of nfs-common and nvme-cli that load kernel modules, which a container may not."""

ORCHESTRATOR_TIMERS = ("cfs-watchdog", "cfs-supervisor", "cfs-agents-mode", "cfs-supervision")

_MOUNT_AS_CFS = """\
import os, socket, subprocess
here, there = socket.socketpair()
os.set_inheritable(there.fileno(), True)
command = ["runuser", "--user", "cfs", "--", "fusermount3", "-o", "rw,allow_other", "--", "/mnt/cfs-fuse"]
status = subprocess.run(command, env={**os.environ, "_FUSE_COMMFD": str(there.fileno())}, close_fds=False).returncode
# The kernel ends the mount when nobody has the device open any more.
here.close()
there.close()
subprocess.run(["umount", "--lazy", "/mnt/cfs-fuse"])
raise SystemExit(status)
"""
"""Mounts as libfuse does: fusermount3 returns the opened device through a socket."""


def await_result(machine: TrialMachine) -> str:
    """Wait for the end of a first boot; return the step that failed, or "".

    Raises:
        Deviation: The boot has not ended in time.
    """
    read = machine.guest.read_file
    _, failed = machine.await_state(
        "the first boot",
        lambda: (read("var/lib/cfs/boot-complete"), read("var/lib/cfs/boot-failed").strip()),
        any,
        seconds=BOOT_SECONDS,
    )
    return failed


def await_boot(machine: TrialMachine) -> None:
    """Wait for the end of a first boot, which must succeed.

    Raises:
        Deviation: The boot has failed.
    """
    if failed := await_result(machine):
        log = machine.guest.read_file("var/log/cfs-bootstrap.log")
        raise Deviation(f"the boot failed in {failed}: {log[-2000:]}")
    machine.await_state(
        "cloud-init",
        lambda: machine.run_program("cloud-init status").text,
        lambda text: "status: done" in text,
        seconds=60,
    )


def require_ready_node(machine: TrialMachine) -> None:
    """Compare a node's state with what it must be after a boot.

    Raises:
        Deviation: Something is not as wanted.
    """
    require("tag BootState", machine.read_tag("BootState"), "ready")
    require("tag Version", machine.read_tag("Version"), machine.world.first.version)
    require("answers to the launch hook", list_hook_answers(machine), ["CONTINUE"])
    require_no_failed_unit(machine)
    require_running(machine)
    require_kernel_settings(machine)
    if machine.profile == "storage":
        require_mounts(machine)
    if machine.profile == "client":
        mounted = machine.run_program(f"python3 - <<'END'\n{_MOUNT_AS_CFS}END")
        require(f"a mount of the user cfs ({mounted.text.strip()})", mounted.status, 0)


def list_hook_answers(machine: TrialMachine) -> list[str]:
    """Return the results with which a node has completed its launch hook."""
    bodies = [parse_qs(asked.body) for asked in machine.gateway.requests if asked.action == "CompleteLifecycleAction"]
    return [result for body in bodies for result in body["LifecycleActionResult"]]


def require_running(machine: TrialMachine) -> None:
    """Compare the states of a node's units.

    Raises:
        Deviation: A unit is not active, or the probe finds a fault.
    """
    states = {unit: machine.unit_state(unit) for unit in machine.list_units()}
    require("units", states, dict.fromkeys(states, "active"))
    probed = machine.run_program(f"{PROGRAM_FOLDER}/probe")
    require(f"the probe ({probed.text.strip()})", probed.status, 0)


def require_no_failed_unit(machine: TrialMachine) -> None:
    """Look for failed units besides those that a container cannot run.

    Raises:
        Deviation: There is one.
    """
    listed = machine.run_program("systemctl list-units --failed --plain --no-legend --no-pager").text
    for unit in (line.split()[0] for line in listed.splitlines()):
        if machine.guest.has_own_kernel or unit not in CONTAINER_FAILURES:
            shown = machine.run_program(f"systemctl status --no-pager --full {unit}").text
            if machine.guest.patience == 1 or not is_started_by_timer(machine, unit):
                raise Deviation(f"{unit} has failed: {shown}")
            # An emulated processor may need longer than the unit's own time limit: its timer starts it again.
            machine.await_state(
                f"{unit}, which has failed once",
                partial(machine.unit_state, unit),
                lambda state: state == "inactive",
                seconds=TIMER_SECONDS,
            )


def is_started_by_timer(machine: TrialMachine, unit: str) -> bool:
    """Return whether a timer starts a unit again and again."""
    triggers = machine.run_program(f"systemctl show --property TriggeredBy --value {unit}").text.split()
    return any(trigger.endswith(".timer") for trigger in triggers)


def require_kernel_settings(machine: TrialMachine) -> None:
    """Compare the kernel settings that were loaded with the declared ones.

    Raises:
        Deviation: A setting was not loaded, or this machine's kernel does not know it.
    """
    declared = machine.run_program("grep --no-filename --invert-match ^# /etc/sysctl.d/99-cfs-*.conf").text
    names = [line.partition(" ")[0] for line in declared.splitlines()]
    if machine.guest.has_own_kernel:
        require("kernel settings", machine.run_program(f"sysctl {' '.join(names)}").text, declared)
    else:
        require("kernel settings", machine.guest.read_file(KERNEL_SETTINGS), declared)
        unknown = [name for name in names if not Path("/proc/sys", *name.split(".")).exists()]
        require("unknown kernel settings", unknown, [])
    # systemd raises them to the maximum at boot.
    require("lowered limits of open files", {"fs.file-max", "fs.nr_open"} & set(names), set())


def require_mounts(machine: TrialMachine) -> dict[str, str]:
    """Compare the mounts of a storage node, and return their UUIDs by folder.

    Raises:
        Deviation: A disk is not mounted as wanted.
    """
    listed = machine.run_program("findmnt --json --types xfs --output TARGET,OPTIONS,UUID,SOURCE").text
    mounts = json.loads(listed)["filesystems"] if listed.strip() else []
    folders = [f"/data/nvme{number}" for number in range(len(machine.guest.disks))]
    require("mounted folders", sorted(mount["target"] for mount in mounts), folders)
    for mount in mounts:
        options = set(mount["options"].split(","))
        require(f"missing options of {mount['target']}", {"noatime", "discard"} - options, set())
    devices = " ".join(mount["source"] for mount in mounts)
    uuids = machine.run_program(f"blkid --match-tag UUID --output value {devices}").text.split()
    owners = machine.run_program(f"stat --format '%U:%G %a' {' '.join(folders)}").text.splitlines()
    require("owners of the folders", owners, ["cfs:cfs 750"] * len(folders))
    return dict(zip((mount["target"] for mount in mounts), uuids, strict=True))


def require_ready_orchestrator(machine: TrialMachine) -> None:
    """Compare the orchestrator's state with what it must be after a boot.

    Raises:
        Deviation: Something is not as wanted.
    """
    require("BootFailed", machine.list_counts("BootFailed"), [0.0])
    machine.await_state(
        "systemd",
        lambda: machine.run_program("systemctl is-system-running").text.strip(),  # noqa: PLW0108 — asks each time
        # Degraded: units have failed that a container cannot run.
        lambda state: state in ("running", "degraded"),
        seconds=120,
    )
    require_no_failed_unit(machine)
    machine.await_state(
        "timers",
        lambda: {timer: machine.unit_state(f"{timer}.timer") for timer in ORCHESTRATOR_TIMERS},
        lambda states: set(states.values()) == {"active"},
        seconds=60,
    )
    # The first watchdog is two minutes away.
    started = machine.run_program("systemctl start cfs-watchdog.service cfs-supervisor.service")
    require(f"start of the agents' programs ({started.text.strip()})", started.status, 0)
    secrets = machine.run_program("stat --format '%U %a' /run/cfs/secrets.env").text.strip()
    require("secrets' owner and mode", secrets, "cfs 600")
    for log in ("watchdog-service", "supervisor"):
        machine.await_state(
            f"{log}.log",
            lambda log=log: machine.guest.read_file(f"var/log/cfs-agents/{log}.log"),  # type: ignore[misc]
            lambda text: "stand-in" in text,
            seconds=20,
        )
