"""Ctrl-C, SIGTERM and death at any moment leave a state from which `cfs local up` goes on."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

import pytest

from local import operations
from measure.convergence import check_convergence, read_snapshot
from measure.killable_up import KillableUp

if TYPE_CHECKING:
    from tests.e2e.conftest import Stack


@pytest.mark.parametrize("recorded", [0, 20, 120])
def test_ctrl_c_ends_the_engine_in_order_and_up_goes_on(empty_stack: Stack, recorded: int) -> None:
    _interrupt_and_go_on(empty_stack, recorded, number=signal.SIGINT, group=True)


def test_sigterm_to_the_command_alone_ends_the_engine_in_order(empty_stack: Stack) -> None:
    _interrupt_and_go_on(empty_stack, 20, number=signal.SIGTERM, group=False)


def test_a_machine_that_was_created_and_not_recorded_is_adopted_and_keeps_running_as_it_is(stack: Stack) -> None:
    instance_id = stack.outputs()["orchestratorId"]
    tags = _tags_of_disk(stack, instance_id)
    _forget_creation(stack, "aws:ec2/instance:Instance")

    operations.deploy_local_stack(stack.engine)

    assert stack.outputs()["orchestratorId"] == instance_id
    assert stack.changes("--refresh") == {}
    assert _tags_of_disk(stack, instance_id) == tags


def _tags_of_disk(stack: Stack, instance_id: str) -> dict[str, str]:
    [disk] = stack.client("ec2").describe_volumes(
        Filters=[{"Name": "attachment.instance-id", "Values": [instance_id]}]
    )["Volumes"]
    return {tag["Key"]: tag["Value"] for tag in disk["Tags"]}


def _forget_creation(stack: Stack, kind: str) -> None:
    """Put the state back to the moment when a resource's creation had begun and not ended."""
    checkpoint = json.loads(stack.engine.checkpoint_file.read_text())
    latest = checkpoint["checkpoint"]["latest"]
    created = next(resource for resource in latest["resources"] if resource["type"] == kind)
    latest["resources"].remove(created)
    begun = {key: value for key, value in created.items() if key not in ("id", "outputs")}
    latest["pending_operations"] = [{"resource": begun, "type": "creating"}]
    stack.engine.checkpoint_file.write_text(json.dumps(checkpoint))


def _interrupt_and_go_on(stack: Stack, recorded: int, *, number: signal.Signals, group: bool) -> None:
    """Interrupt it when so many resources are in the state."""
    with KillableUp(stack.engine) as deployment:
        engine = deployment.await_engine()
        time.sleep(0.5)
        while len(read_snapshot(stack.engine).urns) < recorded and engine.is_running():
            time.sleep(0.05)
        deployment.send_interrupt(number=number, group=group)
        deployment.wait_for_end()
    assert deployment.exit_status == 1
    assert "Traceback" not in deployment.output
    assert deployment.live_processes() == []
    before = read_snapshot(stack.engine)

    with KillableUp(stack.engine) as again:
        again.wait_for_end()
    after = check_convergence(stack.engine, again, before=before)
    assert after.problems == []
    assert after.orphans == 0
