"""A run of the boot test: which machines it starts, and what they have shown."""

from __future__ import annotations

import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from measure.boot.apt_cache import AptCache
from measure.boot.downloads import prepare_downloads
from measure.boot.expectations import Deviation
from measure.boot.guest_files import prepare_image_layer
from measure.boot.image import boot_cache, ensure_image, find_apt_mirror
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
    ROLL_OUT,
    SECOND_BOOT,
    SPOT_DRAIN,
    STORE_GONE,
    STUBBORN_UNIT,
)
from measure.boot.trial_account import open_trial_account
from measure.boot.trial_machine import TrialWorld, open_machine
from terminal.errors import UserError
from terminal.progress import console

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infra.tags import Site
    from measure.boot.situations import Situation
    from measure.boot.trial_machine import MachineProfile

MACHINES_AT_ONCE = 4


@dataclass(frozen=True, kw_only=True)
class PlannedMachine:
    """A machine and its situations.

    Attributes:
        name: Its name; of a node, also the node group.
        profile: Boot profile.
        site: Site of a storage node.
        situations: Its situations in order, of which the first boots it.
    """

    name: str
    profile: MachineProfile
    site: Site | None = None
    situations: tuple[Situation, ...] = (FIRST_BOOT,)


PLAN = (
    PlannedMachine(
        name="storage-a",
        profile="storage",
        site="A",
        situations=(FIRST_BOOT, SECOND_BOOT, STORE_GONE, FOREIGN_DISK, EC2_UNAVAILABLE),
    ),
    PlannedMachine(
        name="storage-b",
        profile="storage",
        site="B",
        situations=(FIRST_BOOT, ROLL_OUT, CORRUPT_RELEASE, SPOT_DRAIN, STUBBORN_UNIT, CRASH_LOOP),
    ),
    PlannedMachine(name="orchestrator", profile="orchestrator"),
    PlannedMachine(name="jepsen", profile="jepsen"),
    PlannedMachine(name="conduit", profile="conduit", situations=(FIRST_BOOT, METADATA_SILENT)),
    PlannedMachine(name="conduit-packages", profile="conduit", situations=(PACKAGES_DOWN,)),
    PlannedMachine(name="client", profile="client"),
    PlannedMachine(name="conduit-locks", profile="conduit", situations=(HELD_LOCKS,)),
)
"""The machines, in starting order: those that take longest first."""


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


def select_machines(profile: str, situation: str) -> list[PlannedMachine]:
    """Return the machines of a profile with a situation and the boot that it needs; "" selects all."""
    selected = []
    for machine in PLAN:
        situations = [of for of in machine.situations if situation in ("", of.name)]
        if situations and profile in ("", machine.profile):
            begin = [] if situations[0].is_first_boot else [machine.situations[0]]
            selected.append(
                PlannedMachine(
                    name=machine.name,
                    profile=machine.profile,
                    site=machine.site,
                    situations=(*begin, *situations),
                )
            )
    if not selected:
        raise UserError(
            f"No machine of the boot test has {' and '.join(filter(None, (profile, situation)))}.",
            repair="choose a profile and a situation from the table in docs/boot-test.md",
        )
    return selected


def run_machines(world: TrialWorld, machines: Sequence[PlannedMachine]) -> list[Observation]:
    """Bring machines into their situations, several at once, and return what was seen."""
    with ThreadPoolExecutor(max_workers=MACHINES_AT_ONCE) as pool:
        running = [pool.submit(_run_machine, world, machine) for machine in machines]
        return [observation for future in running for observation in future.result()]


def _run_machine(world: TrialWorld, planned: PlannedMachine) -> list[Observation]:
    observed: list[Observation] = []
    with open_machine(world, name=planned.name, profile=planned.profile, site=planned.site) as machine:
        for situation in planned.situations:
            began, problem = time.monotonic(), ""
            try:
                situation.happen(machine)
            except Deviation as deviation:
                problem = str(deviation)
            except UserError as error:
                problem = error.problem
            seconds = time.monotonic() - began
            console.print(
                f"{seconds:6.1f} s  {planned.name}  {situation.name}{'  WRONG' if problem else ''}", markup=False
            )
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
def open_world(*, repeated: Sequence[tuple[str, str]] = ()) -> Iterator[TrialWorld]:
    """Prepare what the machines have in common; at the end, remove it.

    Args:
        repeated: Replacements in the user data that put a repaired fault back.
    """
    mirror = find_apt_mirror()
    image = ensure_image(mirror)
    with ExitStack() as cleanup:
        folder = Path(tempfile.mkdtemp(prefix="cfs-boot-"))
        cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
        downloads = prepare_downloads(folder / "downloads")
        prepare_image_layer(folder / "layer", image=image, authority=downloads.authority)
        account = cleanup.enter_context(open_trial_account(folder / "account"))
        builds = folder / "builds"
        first = account.publish_release("v1.2.3", build_archive(builds, version="v1.2.3"))
        account.point_to(first)
        archive = build_archive(builds, version="v1.2.4")
        yield TrialWorld(
            folder=folder,
            image=image,
            layer=folder / "layer",
            downloads=downloads,
            archive=AptCache(mirror=mirror, folder=boot_cache() / "apt"),
            account=account,
            first=first,
            second=account.publish_release("v1.2.4", archive),
            corrupt=account.publish_release("v1.2.5", archive, stored=archive[:-1] + b"?"),
            repeated=repeated,
        )
