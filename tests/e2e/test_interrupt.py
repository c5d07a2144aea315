"""Ctrl-C and SIGTERM at any moment leave a state from which `cfs up` goes on."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from cfs.aftermath import aftermath, read_snapshot
from cfs.deployment import Deployment

if TYPE_CHECKING:
    from tests.e2e.conftest import Stack


@pytest.mark.parametrize("seconds", [0.5, 4.0, 15.0])
def test_ctrl_c_ends_the_engine_in_order_and_up_goes_on(empty_stack: Stack, seconds: float) -> None:
    _interrupt_and_go_on(empty_stack, seconds, number=signal.SIGINT, group=True)


def test_sigterm_to_the_command_alone_ends_the_engine_in_order(empty_stack: Stack) -> None:
    _interrupt_and_go_on(empty_stack, 4.0, number=signal.SIGTERM, group=False)


def _interrupt_and_go_on(stack: Stack, seconds: float, *, number: signal.Signals, group: bool) -> None:
    with Deployment(stack.engine) as deployment:
        deployment.await_engine()
        time.sleep(seconds)
        deployment.interrupt(number=number, group=group)
        deployment.wait()
    assert deployment.status == 1
    assert "Traceback" not in deployment.output
    assert deployment.processes() == []
    before = read_snapshot(stack.engine)

    with Deployment(stack.engine) as again:
        again.wait()
    after = aftermath(stack.engine, again, before=before)
    assert after.problems == []
    assert after.orphans == 0
