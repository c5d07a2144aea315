"""Waits until nodes are in service or gone, with a time limit and a progress line."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from cfs.cluster.auto_scaling_groups import discover_groups
from cfs.cluster.node_runs import list_instances
from cfs.cluster.scaling_activities import latest_failed_launch, read_activities
from infra.cluster.hook_seconds import BOOT_HOOK_SECONDS, DRAIN_HOOK_SECONDS
from terminal.progress import show_progress

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from cfs.aws import AwsAccount
    from cfs.clock import Clock
    from cfs.cluster.auto_scaling_groups import AutoScalingGroup
    from cfs.cluster.node_runs import NodeInstance
    from cfs.cluster.scaling_activities import ScalingActivity

READY_SECONDS = float(BOOT_HOOK_SECONDS)
"""Time limit for nodes to boot and to install ClaudeFS; then their group replaces them."""

GONE_SECONDS = float(BOOT_HOOK_SECONDS + DRAIN_HOOK_SECONDS)
"""Time limit for nodes to be terminated: one that is still booting may wait in both lifecycle hooks."""

PATIENCE_SECONDS = 90.0
"""Time to wait for another launch after a failed one. AWS tries other zones and types immediately."""

_POLL_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class LaunchOutcome:
    """The started groups in their current state, and the failed launches of those that lack nodes, by name."""

    groups: Sequence[AutoScalingGroup]
    failures: dict[str, ScalingActivity]

    @property
    def lacking_groups(self) -> list[AutoScalingGroup]:
        """Groups that lack nodes."""
        return [group for group in self.groups if group.in_service < group.desired]


@dataclass(kw_only=True)
class _LaunchPatience:
    """For each failing group, the time since which no launch has been in progress, and the latest failed launch."""

    failing: dict[str, tuple[datetime, ScalingActivity]] = field(default_factory=dict)

    def note_failure(self, name: str, failed: ScalingActivity | None, *, at: datetime) -> None:
        """Record a group's latest failed launch, or that it has none."""
        if failed is None:
            self.failing.pop(name, None)
        else:
            self.failing[name] = (self.failing.get(name, (at, failed))[0], failed)

    def is_exhausted(self, name: str, *, at: datetime) -> bool:
        """Return whether waiting for a group has become pointless."""
        return name in self.failing and at - self.failing[name][0] >= timedelta(seconds=PATIENCE_SECONDS)


def wait_until_ready(
    aws: AwsAccount, environment: str, names: Collection[str], *, since: datetime, clock: Clock
) -> LaunchOutcome:
    """Wait until groups have their desired nodes, AWS keeps failing to launch them, or the time limit expires.

    `names` are full names; `since` is the time at which the groups were started.
    """
    patience = _LaunchPatience()
    deadline = clock.now() + timedelta(seconds=READY_SECONDS)
    with show_progress("Waiting for nodes to be in service") as progress:
        while True:
            groups = discover_groups(aws, environment, names=sorted(names))
            wanted = sum(group.desired for group in groups)
            progress.advance_to(sum(min(group.in_service, group.desired) for group in groups), wanted)
            lacking = [group for group in groups if group.in_service < group.desired]
            at = clock.now()
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
            clock.sleep(_POLL_SECONDS)


def wait_until_gone(
    aws: AwsAccount, environment: str, groups: Sequence[AutoScalingGroup], *, clock: Clock
) -> list[NodeInstance]:
    """Wait until no instance of the groups is left, and return those left when the time limit expires.

    This queries EC2, because Auto Scaling does not list detached instances.
    """
    deadline = clock.now() + timedelta(seconds=GONE_SECONDS)
    most = 0
    with show_progress("Waiting for nodes to leave") as progress:
        while True:
            left = [instance for instance in list_instances(aws, environment, groups) if instance.is_there]
            most = max(most, len(left))
            progress.advance_to(most - len(left), most)
            if not left or clock.now() >= deadline:
                return left
            clock.sleep(_POLL_SECONDS)
