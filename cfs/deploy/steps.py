"""What each command of `cfs deploy` does, from its arguments to its result."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cfs.deploy import publish as publishing
from cfs.deploy import releases, rollout
from cfs.deploy import status as looking
from cfs.deploy.clock import SystemClock
from cfs.deploy.commands import Commands
from cfs.deploy.environments import open_environment
from cfs.deploy.lease import HeldRecord, holder
from cfs.deploy.nodes import Nodes
from cfs.deploy.publish import Source
from cfs.deploy.rollout import Means, Patience

if TYPE_CHECKING:
    from pathlib import Path

    from cfs.deploy.reporting import Result

__all__ = ["Source", "publish", "roll_back", "roll_out", "status"]


def publish(environment: str, folder: Path, source: Source) -> Result:
    """Put what was built into the bucket.

    Raises:
        UserError: It is not complete, or something else was published from the same commit.
    """
    built = publishing.find_built(folder)
    release = publishing.describe(built, source)
    return publishing.result(publishing.publish(open_environment(environment).store(), built, release))


def roll_out(environment: str, release: str, *, sha256: str | None, soak: float) -> Result:
    """Bring a release to all nodes.

    Raises:
        UserError: It cannot begin or go on; the message says why.
    """
    means = _means(environment, soak=soak)
    wanted = releases.read_target(means.store, release, sha256=sha256)
    return rollout.result(rollout.roll_out(means, wanted=wanted), environment=environment)


def roll_back(environment: str, *, soak: float) -> Result:
    """Take a release back.

    Raises:
        UserError: It cannot begin or go on; the message says why.
    """
    return rollout.result(rollout.roll_back(_means(environment, soak=soak)), environment=environment)


def status(environment: str) -> Result:
    """See what an environment runs.

    Raises:
        UserError: AWS does not answer.
    """
    place = open_environment(environment)
    nodes = Nodes(place.aws.client("ec2"), environment=environment)
    return looking.result(looking.look(place.store(), nodes, environment=environment, now=SystemClock().now()))


def _means(environment: str, *, soak: float) -> Means:
    place = open_environment(environment)
    clock = SystemClock()
    store = place.store()
    held = HeldRecord(store, environment=environment, holder=holder(os.environ), clock=clock)
    return Means(
        environment=environment,
        store=store,
        nodes=Nodes(place.aws.client("ec2"), environment=environment),
        commands=Commands(
            place.aws.client("ssm"),
            environment=environment,
            clock=clock,
            pause=lambda seconds: rollout.pause(clock, held, seconds),
        ),
        held=held,
        clock=clock,
        patience=Patience(),
        soak=soak,
    )
