"""Hooks hold a node until it is ready, and until it is drained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pytest

from infra.cluster.hook_seconds import BOOT_HOOK_SECONDS, DRAIN_HOOK_SECONDS
from infra.cluster.lifecycle import declare_lifecycle_hooks
from infra.cluster.node_commands import DRAIN_SECONDS

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Declare, Recorder


@pytest.fixture(scope="module")
def recorder(declare: Declare) -> Recorder:
    def program() -> None:
        declare_lifecycle_hooks("storage-a", group_name="claudefs-test-storage-a", opts=pulumi.ResourceOptions())

    return declare(program)


@pytest.mark.parametrize(
    "name, transition, default, seconds",
    [
        ("boot", "autoscaling:EC2_INSTANCE_LAUNCHING", "ABANDON", BOOT_HOOK_SECONDS),
        ("drain", "autoscaling:EC2_INSTANCE_TERMINATING", "CONTINUE", DRAIN_HOOK_SECONDS),
    ],
)
def test_a_node_that_says_nothing_is_replaced_when_it_boots_and_let_go_when_it_ends(
    recorder: Recorder, name: str, transition: str, default: str, seconds: int
) -> None:
    hook = recorder.one("aws:autoscaling/lifecycleHook:LifecycleHook", f"storage-a-{name}").inputs
    assert hook["name"] == name
    assert hook["autoscalingGroupName"] == "claudefs-test-storage-a"
    assert (hook["lifecycleTransition"], hook["defaultResult"], hook["heartbeatTimeout"]) == (
        transition,
        default,
        seconds,
    )


def test_a_group_waits_for_the_whole_drain_and_no_longer_than_an_hour() -> None:
    assert 2 * DRAIN_SECONDS < DRAIN_HOOK_SECONDS < 3600
    # The longest that Auto Scaling lets a hook wait is two hours.
    assert DRAIN_HOOK_SECONDS < BOOT_HOOK_SECONDS <= 7200
