"""Waiting for nodes: bounded, with a progress line, and with what keeps them from coming."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cfs.cluster import activities, runs
from cfs.cluster.groups import discover
from terminal.progress import step

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from cfs.cluster.activities import Activity
    from cfs.cluster.aws import Aws
    from cfs.cluster.groups import NodeGroup
    from cfs.cluster.runs import Instance

READY_SECONDS = 15 * 60.0
"""How long nodes may take to boot and to install ClaudeFS."""

GONE_SECONDS = 10 * 60.0
"""How long nodes may take to leave: draining takes two minutes at most, and EC2 some to terminate."""

PATIENCE_SECONDS = 90.0
"""How long a group may go without a launch under way after one failed: AWS tries other zones and types at once."""

_LOOK_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How time passes while something is waited for; tests have their own."""

    seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of groups that were started.

    Attributes:
        groups: They as they are now.
        failures: The failed launches of groups that lack nodes, by the group's name.
    """

    groups: Sequence[NodeGroup]
    failures: dict[str, Activity]

    @property
    def lacking(self) -> list[NodeGroup]:
        """Groups that lack nodes."""
        return [group for group in self.groups if group.in_service < group.desired]


@dataclass(kw_only=True)
class _Patience:
    """Since when each group has had no launch under way after a failed one."""

    failing: dict[str, tuple[float, Activity]] = field(default_factory=dict)

    def note(self, name: str, failed: Activity | None, *, at: float) -> None:
        """Take in how a group is."""
        if failed is None:
            self.failing.pop(name, None)
        else:
            self.failing[name] = (self.failing.get(name, (at, failed))[0], failed)

    def is_over(self, name: str, *, at: float) -> bool:
        """Tell whether a group has been waited for long enough."""
        return name in self.failing and at - self.failing[name][0] >= PATIENCE_SECONDS


def until_ready(aws: Aws, environment: str, names: Collection[str], *, since: datetime, pace: Pace) -> Outcome:
    """Wait until groups have the nodes that they are to have, or AWS keeps failing to launch them, or time is up.

    Args:
        aws: The account.
        environment: The stack's name.
        names: The groups' full names.
        since: When they were started.
        pace: How time passes.

    Raises:
        UserError: AWS refused or did not answer.
    """
    patience = _Patience()
    deadline = pace.seconds() + READY_SECONDS
    with step("Waiting for nodes to be in service") as progress:
        while True:
            groups = discover(aws, environment, names=sorted(names))
            wanted = sum(group.desired for group in groups)
            progress.advance(sum(min(group.in_service, group.desired) for group in groups), wanted)
            lacking = [group for group in groups if group.in_service < group.desired]
            at = pace.seconds()
            for group in lacking:
                patience.note(group.name, activities.failure(activities.read(aws, group, since=since)), at=at)
            if all(patience.is_over(group.name, at=at) for group in lacking) or at >= deadline:
                failures = {name: failed for name, (_, failed) in patience.failing.items()}
                names_lacking = {group.name for group in lacking}
                return Outcome(groups=groups, failures={k: v for k, v in failures.items() if k in names_lacking})
            pace.sleep(_LOOK_SECONDS)


def until_gone(aws: Aws, environment: str, groups: Sequence[NodeGroup], *, pace: Pace) -> list[Instance]:
    """Wait until no instance of groups is left, and give those that are there when time is up.

    EC2 is asked, not Auto Scaling, which does not know an instance that was detached.

    Raises:
        UserError: AWS refused or did not answer.
    """
    deadline = pace.seconds() + GONE_SECONDS
    most = 0
    with step("Waiting for nodes to leave") as progress:
        while True:
            left = [instance for instance in runs.instances(aws, environment, groups) if instance.is_there]
            most = max(most, len(left))
            progress.advance(most - len(left), most)
            if not left or pace.seconds() >= deadline:
                return left
            pace.sleep(_LOOK_SECONDS)
