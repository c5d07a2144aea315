"""What each command of `cfs deploy` does, from its arguments to its result."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cfs.deploy import environment_status as looking
from cfs.deploy import publish as publishing
from cfs.deploy import releases, rollout
from cfs.deploy.clock import SystemClock
from cfs.deploy.environments import open_target_environment
from cfs.deploy.lease import HeldRecord, lease_holder
from cfs.deploy.node_list import NodeLister
from cfs.deploy.publish import BuildSource
from cfs.deploy.rollout import RollOutContext, RollOutTimeouts
from cfs.deploy.run_commands import NodeCommandRunner

if TYPE_CHECKING:
    from pathlib import Path

    from terminal.results import CommandResult

__all__ = ["BuildSource", "environment_status", "publish_build", "roll_back_release", "roll_out_release"]


def publish_build(environment: str, folder: Path, source: BuildSource) -> CommandResult:
    """Put what was built into the bucket."""
    built = publishing.find_tarballs(folder)
    release = publishing.describe_release(built, source)
    return publishing.publish_result(
        publishing.upload_release(open_target_environment(environment).artifact_store(), built, release)
    )


def roll_out_release(environment: str, release: str, *, sha256: str | None, soak: float) -> CommandResult:
    """Bring a release to all nodes."""
    means = _roll_out_context(environment, soak=soak)
    wanted = releases.read_release_target(means.store, release, sha256=sha256)
    return rollout.roll_out_result(rollout.run_roll_out(means, wanted=wanted), environment=environment)


def roll_back_release(environment: str, *, soak: float) -> CommandResult:
    """Take a release back."""
    return rollout.roll_out_result(
        rollout.run_roll_back(_roll_out_context(environment, soak=soak)), environment=environment
    )


def environment_status(environment: str) -> CommandResult:
    """See what an environment runs."""
    place = open_target_environment(environment)
    nodes = NodeLister(place.aws.make_client("ec2"), environment=environment)
    return looking.status_result(
        looking.read_environment_status(place.artifact_store(), nodes, environment=environment, now=SystemClock().now())
    )


def _roll_out_context(environment: str, *, soak: float) -> RollOutContext:
    place = open_target_environment(environment)
    clock = SystemClock()
    store = place.artifact_store()
    held = HeldRecord(store, environment=environment, holder=lease_holder(os.environ), clock=clock)
    return RollOutContext(
        environment=environment,
        store=store,
        nodes=NodeLister(place.aws.make_client("ec2"), environment=environment),
        commands=NodeCommandRunner(
            place.aws.make_client("ssm"),
            environment=environment,
            clock=clock,
            pause=lambda seconds: rollout.pause_holding_lease(clock, held, seconds),
        ),
        held_record=held,
        clock=clock,
        timeouts=RollOutTimeouts(),
        soak_seconds=soak,
    )
