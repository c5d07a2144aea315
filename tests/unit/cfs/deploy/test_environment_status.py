"""`cfs deploy status`: the nodes' versions, and who deploys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cfs.deploy.environment_status import read_environment_status, status_result
from tests.unit.cfs.deploy.conftest import ENVIRONMENT

if TYPE_CHECKING:
    from tests.unit.cfs.deploy.conftest import Wire, World


def test_the_status_says_what_runs_and_who_deploys(world: World, wire: Wire) -> None:
    world.runs("v1.0.0")
    world.launch("storage", 3, site="A")
    world.launch("client", 2)

    def look() -> Any:
        means = world.means()
        found = read_environment_status(means.store, means.nodes, environment=ENVIRONMENT, now=world.clock.now())
        return status_result(found)

    assert look().figures["nodes"] == {"v1.0.0": 5}
    new = world.published("v1.1.0")

    def interrupt(operation: str, asked: dict[str, Any]) -> None:
        if operation == "ssm:SendCommand" and len(asked["InstanceIds"]) > 1:
            raise KeyboardInterrupt

    wire.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        world.roll_out(new)
    wire.before = None
    said = look()
    assert said.job_outputs == {"version": "v1.0.0", "rollout": "rolling, 10% done"}
    assert "roll-out of v1.1.0: rolling, 10% done" in said.text
    with world.means(holder="robot").held_record.hold_lease():
        assert "held by robot, until 2026-01-05 12:" in look().text
    world.roll_out(new)
    done = look()
    assert done.job_outputs == {"version": "v1.1.0", "rollout": ""}
    assert "pointer: v1.1.0, before it v1.0.0" in done.text
    assert "last: roll-out of v1.1.0, done 2026-01-05 12:" in done.text
