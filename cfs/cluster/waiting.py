"""Waiting for nodes: bounded, with a progress line, and with what keeps them from coming."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cfs.cluster.auto_scaling_groups import discover_groups
from cfs.cluster.node_runs import list_instances
from cfs.cluster.scaling_activities import latest_failed_launch, read_activities
from terminal.progress import show_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from cfs.aws import AwsAccount
    from cfs.cluster.auto_scaling_groups import AutoScalingGroup
    from cfs.cluster.node_runs import NodeInstance
    from cfs.cluster.scaling_activities import ScalingActivity

READY_SECONDS = 15 * 60.0
"""How long nodes may take to boot and to install ClaudeFS."""

GONE_SECONDS = 10 * 60.0
"""How long nodes may take to leave: draining takes two minutes at most, and EC2 some to terminate."""

PATIENCE_SECONDS = 90.0
"""How long a group may go without a launch under way after one failed: AWS tries other zones and types at once."""

_POLL_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class WaitClock:
    """How time passes while something is waited for; tests have their own."""

    now_seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, kw_only=True)
class LaunchOutcome:
    """What became of groups that were started.

    Attributes:
        groups: They as they are now.
        failures: The failed launches of groups that lack nodes, by the group's name.
    """

    groups: Sequence[AutoScalingGroup]
    failures: dict[str, ScalingActivity]

    @property
    def lacking_groups(self) -> list[AutoScalingGroup]:
        """Groups that lack nodes."""
        return [group for group in self.groups if group.in_service < group.desired]


@dataclass(kw_only=True)
class _LaunchPatience:
    """Since when each group has had no launch under way after a failed one."""

    failing: dict[str, tuple[float, ScalingActivity]] = field(default_factory=dict)

    def note_failure(self, name: str, failed: ScalingActivity | None, *, at: float) -> None:
        """Take in how a group is."""
        if failed is None:
            self.failing.pop(name, None)
        else:
            self.failing[name] = (self.failing.get(name, (at, failed))[0], failed)

    def is_exhausted(self, name: str, *, at: float) -> bool:
        """Return whether a group has been waited for long enough."""
        return name in self.failing and at - self.failing[name][0] >= PATIENCE_SECONDS


def wait_until_ready(
    aws: AwsAccount, environment: str, names: Collection[str], *, since: datetime, wait_clock: WaitClock
) -> LaunchOutcome:
    """Wait until groups have the nodes that they are to have, or AWS keeps failing to launch them, or time is up.

    Args:
        aws: The account.
        environment: The stack's name.
        names: The groups' full names.
        since: When they were started.
        wait_clock: How time passes.
    """
    patience = _LaunchPatience()
    deadline = wait_clock.now_seconds() + READY_SECONDS
    with show_progress("Waiting for nodes to be in service") as progress:
        while True:
            groups = discover_groups(aws, environment, names=sorted(names))
            wanted = sum(group.desired for group in groups)
            progress.advance_to(sum(min(group.in_service, group.desired) for group in groups), wanted)
            lacking = [group for group in groups if group.in_service < group.desired]
            at = wait_clock.now_seconds()
            for group in lacking:
                patience.note_failure(
                    group.name,
                    latest_failed_launch(read_activities(aws, group, since=since)),
                    at=at,
                )
            if all(patience.is_exhausted(group.name, at=at) for group in lacking) or at >= deadline:
                failures = {name: failed for name, (_, failed) in patience.failing.items()}
                names_lacking = {group.name for group in lacking}
                return LaunchOutcome(groups=groups, failures={k: v for k, v in failures.items() if k in names_lacking})
            wait_clock.sleep(_POLL_SECONDS)


def wait_until_gone(
    aws: AwsAccount, environment: str, groups: Sequence[AutoScalingGroup], *, wait_clock: WaitClock
) -> list[NodeInstance]:
    """Wait until no instance of groups is left, and give those that are there when time is up.

    EC2 is asked, not Auto Scaling, which does not know an instance that was detached.
    """
    deadline = wait_clock.now_seconds() + GONE_SECONDS
    most = 0
    with show_progress("Waiting for nodes to leave") as progress:
        while True:
            left = [instance for instance in list_instances(aws, environment, groups) if instance.is_there]
            most = max(most, len(left))
            progress.advance_to(most - len(left), most)
            if not left or wait_clock.now_seconds() >= deadline:
                return left
            wait_clock.sleep(_POLL_SECONDS)
