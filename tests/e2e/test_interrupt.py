"""Ctrl-C, SIGTERM and death at any moment leave a state from which `cfs local up` goes on."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from cfs.doctor.resource_types import DEPLOYMENT_POLICY_TYPE
from local import operations
from measure.convergence import check_convergence, read_snapshot
from measure.killable_up import KillableUp
from tests.e2e.stacks import ON_GITHUB

if TYPE_CHECKING:
    from measure.convergence import StateSnapshot
    from tests.e2e.stacks import Stack


@dataclass(frozen=True, kw_only=True)
class Interruption:
    """How a deployment is interrupted.

    Attributes:
        recorded: When so many resources are in the state.
        number: The signal.
        group: Whether it goes to all processes, as on Ctrl-C, or to the command alone.
    """

    recorded: int
    number: signal.Signals
    group: bool


INTERRUPTIONS = (
    Interruption(recorded=0, number=signal.SIGINT, group=True),
    Interruption(recorded=20, number=signal.SIGTERM, group=False),
    Interruption(recorded=120, number=signal.SIGINT, group=True),
)


@pytest.mark.usefixtures("own_language_hosts")
def test_a_signal_ends_the_engine_in_order_and_up_goes_on(empty_stack: Stack) -> None:
    before = read_snapshot(empty_stack.engine)
    for interruption in INTERRUPTIONS:
        after = interrupt(empty_stack, interruption)
        assert after.urns >= before.urns
        before = after

    with KillableUp(empty_stack.engine) as again:
        again.wait_for_end()
    found = check_convergence(empty_stack.engine, again, before=before)
    assert found.problems == []
    assert found.orphans == 0


def interrupt(stack: Stack, interruption: Interruption) -> StateSnapshot:
    """Interrupt a deployment and return what it has recorded."""
    with KillableUp(stack.engine) as deployment:
        engine = deployment.await_engine()
        time.sleep(0.5)
        while len(read_snapshot(stack.engine).urns) < interruption.recorded and engine.is_running():
            time.sleep(0.05)
        deployment.send_interrupt(number=interruption.number, group=interruption.group)
        deployment.wait_for_end()
    assert deployment.exit_status == 130
    assert "Traceback" not in deployment.output
    assert deployment.remaining_processes() == []
    return read_snapshot(stack.engine)


def test_what_was_created_and_not_recorded_is_adopted_and_stays_as_it_is(stack: Stack) -> None:
    stack = stack.limited_to("**aws:ec2/instance:**", "**aws:lambda/**", "**aws:ssm/parameter:**", ON_GITHUB)
    instance_id, ids = stack.outputs()["orchestratorId"], stack.ids()
    tags = tags_of_disk(stack, instance_id)
    stack.forget_creations(
        *("aws:ec2/instance:Instance", "aws:lambda/function:Function", "aws:ssm/parameter:Parameter"),
        DEPLOYMENT_POLICY_TYPE,
    )

    operations.deploy_local_stack(stack.engine)

    assert stack.ids() == ids
    assert stack.changes("--refresh") == {}
    assert tags_of_disk(stack, instance_id) == tags


def tags_of_disk(stack: Stack, instance_id: str) -> dict[str, str]:
    [disk] = stack.client("ec2").describe_volumes(
        Filters=[{"Name": "attachment.instance-id", "Values": [instance_id]}]
    )["Volumes"]
    return {tag["Key"]: tag["Value"] for tag in disk["Tags"]}
