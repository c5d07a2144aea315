"""Control groups of containers.

A container's systemd makes the groups of its units below the group in which systemd-nspawn runs. Containers in one
group would share those of units with the same name: the end of a unit in one removes or kills what starts in another.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tenacity import RetryError, retry, retry_if_result, stop_after_delay, wait_fixed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ENTER = 'for group in $0; do echo $$ >"$group/cgroup.procs" || exit; done; exec "$@"'


def find_hierarchies(mounts: str) -> list[Path]:
    """Return where the hierarchies that systemd uses are mounted: version 2, and in a hybrid setup its own one.

    Args:
        mounts: The text of /proc/self/mountinfo.
    """
    found = []
    for line in mounts.splitlines():
        fields, _, described = line.partition(" - ")
        kind, _, options = described.split(" ", 2)
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            found.append(Path(fields.split()[4]))
    return found


def list_hierarchies() -> list[Path]:
    """Return where this machine's hierarchies are mounted."""
    return find_hierarchies(Path("/proc/self/mountinfo").read_text(encoding="utf-8"))


@contextmanager
def own_groups(name: str) -> Iterator[list[Path]]:
    """Create a group in each hierarchy that systemd uses; at the end, remove it with all below it.

    Args:
        name: Name of the groups.
    """
    groups = [hierarchy / name for hierarchy in list_hierarchies()]
    for group in groups:
        group.mkdir(exist_ok=True)
    try:
        yield groups
    finally:
        remove_groups(name)


def enter_groups(groups: Sequence[Path]) -> tuple[str, ...]:
    """Return the beginning of a command that runs in groups."""
    return ("sh", "-c", _ENTER, " ".join(map(str, groups)))


def remove_groups(pattern: str) -> None:
    """Remove groups whose processes have ended or are about to end.

    Args:
        pattern: Name of the groups, or a glob pattern.
    """
    with suppress(RetryError):
        _remove_matching(pattern)


@retry(retry=retry_if_result(bool), stop=stop_after_delay(5), wait=wait_fixed(0.1))
def _remove_matching(pattern: str) -> list[Path]:
    """Remove groups, and return those that still have processes."""
    found = [group for hierarchy in list_hierarchies() for group in hierarchy.glob(pattern)]
    for group in found:
        for folder, _, _ in os.walk(group, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()
    return [group for group in found if group.exists()]
