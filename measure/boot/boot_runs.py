"""A run of the boot test: which machines it starts, and what they have shown."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from measure.boot.apt_cache import AptCache
from measure.boot.container import ContainerSystem
from measure.boot.downloads import prepare_downloads
from measure.boot.expectations import Deviation, cancel_waits
from measure.boot.guest_files import prepare_container_layer, prepare_machine_layer
from measure.boot.image import ensure_image, ensure_machine_image, find_apt_mirror
from measure.boot.leftovers import remove_leftovers, run_folder
from measure.boot.release_archive import build_archive
from measure.boot.situations import (
    CORRUPT_RELEASE,
    CRASH_LOOP,
    EC2_UNAVAILABLE,
    FIRST_BOOT,
    FOREIGN_DISK,
    HELD_LOCKS,
    METADATA_SILENT,
    PACKAGES_DOWN,
    RELEASES_SILENT,
    ROLL_OUT,
    SECOND_BOOT,
    SPOT_DRAIN,
    STORE_GONE,
    STUBBORN_UNIT,
)
from measure.boot.trial_account import open_trial_account
from measure.boot.trial_machine import TrialWorld, open_machine
from measure.boot.virtual_machine import VirtualSystem, build_model_library
from terminal.errors import UserError
from terminal.progress import console
from toolchain.cache import cache_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from infra.tags import Site
    from measure.boot.guest import GuestSystem
    from measure.boot.situations import Situation
    from measure.boot.trial_machine import MachineProfile

CONTAINERS_AT_ONCE = 5
VIRTUAL_MACHINES_AT_ONCE = 1

SystemPreparation: TypeAlias = "Callable[[Path, str, str], GuestSystem]"
"""Prepares the guests' system; takes a folder for its layer, the archive's URL and the authority to trust."""


@dataclass(frozen=True, kw_only=True)
class PlannedMachine:
    """A machine and its situations.

    Attributes:
        name: Its name; of a node, also the node group.
        profile: Boot profile.
        site: Site of a storage node.
        situations: Its situations in order, of which the first boots it.
        repeated: Replacements in its user data that put a repaired fault back, which the last situation must show.
    """

    name: str
    profile: MachineProfile
    site: Site | None = None
    situations: tuple[Situation, ...] = (FIRST_BOOT,)
    repeated: tuple[tuple[str, str], ...] = ()


PLAN = (
    PlannedMachine(
        name="storage-b",
        profile="storage",
        site="B",
        situations=(FIRST_BOOT, ROLL_OUT, CORRUPT_RELEASE, SPOT_DRAIN, STUBBORN_UNIT, CRASH_LOOP),
    ),
    PlannedMachine(
        name="storage-a",
        profile="storage",
        site="A",
        situations=(FIRST_BOOT, SECOND_BOOT, STORE_GONE, FOREIGN_DISK),
    ),
    PlannedMachine(name="conduit", profile="conduit", situations=(FIRST_BOOT, METADATA_SILENT, EC2_UNAVAILABLE)),
    PlannedMachine(name="conduit-silent", profile="conduit", situations=(RELEASES_SILENT,)),
    PlannedMachine(name="jepsen", profile="jepsen"),
    PlannedMachine(name="orchestrator", profile="orchestrator", situations=(FIRST_BOOT, SECOND_BOOT)),
    PlannedMachine(name="conduit-packages", profile="conduit", situations=(PACKAGES_DOWN,)),
    PlannedMachine(name="conduit-locks", profile="conduit", situations=(HELD_LOCKS,)),
    PlannedMachine(name="client", profile="client", situations=(FIRST_BOOT, SECOND_BOOT)),
)
"""The machines, in starting order: those that take longest first."""

VIRTUAL_PLAN = (
    PlannedMachine(name="storage", profile="storage", site="A", situations=(FIRST_BOOT, SECOND_BOOT)),
    PlannedMachine(name="orchestrator", profile="orchestrator"),
)
"""The virtual machines."""

COUNTER_CHECKS = (
    PlannedMachine(
        name="required-look-up",
        profile="conduit",
        situations=(FIRST_BOOT, EC2_UNAVAILABLE),
        # The start of cfs-repl depends on one look-up of the other sites.
        repeated=(
            ("+/usr/local/libexec/cfs/find-sites --before-start", "/bin/true"),
            (
                "between the sites\n",
                "between the sites\nRequires=claudefs-sites.service\nAfter=claudefs-sites.service\n",
            ),
        ),
    ),
    PlannedMachine(
        name="unchecked-stop",
        profile="conduit",
        situations=(FIRST_BOOT, STUBBORN_UNIT),
        # `drain` does not see that systemd has killed a unit.
        repeated=(("== timeout ]]", "== never ]]"),),
    ),
)
"""Machines with a repaired fault put back, which their last situation must find."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What a machine has shown in a situation.

    Attributes:
        machine: The machine's name.
        profile: Boot profile.
        situation: Name of the situation.
        seconds: Duration.
        problem: What is not as wanted, or "".
    """

    machine: str
    profile: str
    situation: str
    seconds: float
    problem: str


def select_machines(plan: Sequence[PlannedMachine], profile: str, situation: str) -> list[PlannedMachine]:
    """Return a plan's machines of a profile with a situation and the boot that it needs; "" selects all."""
    selected = []
    for machine in plan:
        situations = [of for of in machine.situations if situation in ("", of.name)]
        if situations and profile in ("", machine.profile):
            begin = [] if situations[0].is_first_boot else [machine.situations[0]]
            selected.append(replace(machine, situations=(*begin, *situations)))
    if not selected:
        raise UserError(
            f"No machine of the boot test has {' and '.join(filter(None, (profile, situation)))}.",
            repair="choose a profile and a situation from the table in docs/boot-test.md",
        )
    return selected


def run_machines(world: TrialWorld, machines: Sequence[PlannedMachine], *, at_once: int) -> list[Observation]:
    """Bring machines into their situations, some at once, and return what was seen."""
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        running = [pool.submit(_run_machine, world, machine) for machine in machines]
        try:
            return [observation for future in running for observation in future.result()]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            cancel_waits()
            world.system.end_guests()
            raise


def _run_machine(world: TrialWorld, planned: PlannedMachine) -> list[Observation]:
    observed: list[Observation] = []
    with open_machine(
        world, name=planned.name, profile=planned.profile, site=planned.site, replacements=planned.repeated
    ) as machine:
        for situation in planned.situations:
            began, problem = time.monotonic(), ""
            try:
                situation.happen(machine)
            except Deviation as deviation:
                problem = str(deviation)
            except UserError as error:
                problem = error.problem
            if planned.repeated and situation is planned.situations[-1]:
                problem = "" if problem else "the repeated fault was not found"
            seconds = time.monotonic() - began
            result = f"WRONG: {problem}" if problem else ""
            console.print(f"{seconds:6.1f} s  {planned.name}  {situation.name}  {result}", soft_wrap=True)
            observed.append(
                Observation(
                    machine=planned.name,
                    profile=planned.profile,
                    situation=situation.name,
                    seconds=seconds,
                    problem=problem,
                )
            )
            if problem:
                # The next situation would start from what this one has left.
                break
    return observed


@contextmanager
def open_world(prepare_system: SystemPreparation) -> Iterator[TrialWorld]:
    """Prepare what the machines have in common; at the end, remove it."""
    remove_leftovers()
    mirror = find_apt_mirror()
    with ExitStack() as cleanup:
        folder = cleanup.enter_context(run_folder())
        downloads = prepare_downloads(folder / "downloads")
        system = prepare_system(folder / "layer", mirror, downloads.authority.read_text(encoding="ascii"))
        account = cleanup.enter_context(open_trial_account(folder / "account"))
        builds = folder / "builds"
        first = account.publish_release("v1.2.3", build_archive(builds, version="v1.2.3"))
        account.point_to(first)
        archive = build_archive(builds, version="v1.2.4")
        yield TrialWorld(
            folder=folder,
            system=system,
            downloads=downloads,
            archive=AptCache(mirror=mirror, folder=cache_root() / "debian-packages"),
            account=account,
            first=first,
            second=account.publish_release("v1.2.4", archive),
            corrupt=account.publish_release("v1.2.5", archive, stored=archive[:-1] + b"?"),
        )


def prepare_containers(layer: Path, mirror: str, authority: str) -> ContainerSystem:
    """Prepare the system of containers, whose layer is in a new folder."""
    image = ensure_image(mirror)
    prepare_container_layer(layer, authority=authority)
    return ContainerSystem(image=image, layer=layer)


def prepare_virtual_machines(layer: Path, mirror: str, authority: str, *, uses_kvm: bool) -> VirtualSystem:
    """Prepare the system of virtual machines, whose layer is in a new folder."""
    image = ensure_machine_image(mirror)
    prepare_machine_layer(layer, authority=authority)
    return VirtualSystem(image=image, layer=layer, library=build_model_library(layer.parent), uses_kvm=uses_kvm)
