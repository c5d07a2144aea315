"""Lifecycle hooks of Auto Scaling groups, which moto only stores: launched and leaving nodes wait for an answer.

Nodes wait only while the account has delays. An answer for a node that does not wait is refused, as by AWS.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import (
    AutoScalingBackend,
    FakeAutoScalingGroup,
    TerminateInstanceActivity,
    autoscaling_backends,
)
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import EmptyResult
from moto.events import events_backends
from moto.moto_api._internal import mock_random

from local.aws.conditions import ACCOUNT_CONDITIONS
from local.aws.gaps.delays import LAUNCH_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.autoscaling.models import InstanceState, LifecycleHook
    from moto.ec2.models.instances import Instance

HookResult = Literal["CONTINUE", "ABANDON"]

_EVENT_SECONDS = 2.0
_TRANSITIONS = {
    "Pending:Wait": "autoscaling:EC2_INSTANCE_LAUNCHING",
    "Terminating:Wait": "autoscaling:EC2_INSTANCE_TERMINATING",
}


def close_hook_gaps() -> None:
    """Close the gaps of lifecycle hooks."""
    _count_new_nodes()
    _keep_leaving_nodes()
    _terminate_with_hooks()
    _complete_lifecycle_actions()


def await_launch(group: FakeAutoScalingGroup, node: InstanceState, activity: dict[str, Any]) -> None:
    """Let a launched node wait for its hook, or until it runs.

    Args:
        group: The node's group.
        node: The node, which is in service already.
        activity: The record of the launch.
    """
    if not ACCOUNT_CONDITIONS.current.delays:
        return
    activity |= {"StatusCode": "PreInService", "Progress": 30, "EndTime": None}
    wait = _HookWait(group=group, node=node, activity=activity)
    if not wait.begin("Pending:Wait"):
        node.lifecycle_state = "Pending"
        ACCOUNT_CONDITIONS.delay_change(LAUNCH_SECONDS, lambda: wait.end("CONTINUE"))


def complete_launch(instance: Instance, result: HookResult) -> None:
    """Answer the launch hook of an instance, if it waits for one."""
    wait = _find_wait(instance.id)
    if wait is not None and wait.node.lifecycle_state == "Pending:Wait":
        wait.end(result)


@dataclass(kw_only=True, eq=False)
class _HookWait:
    """A node that waits for the answer to a lifecycle hook."""

    group: FakeAutoScalingGroup
    node: InstanceState
    activity: dict[str, Any] | None = None
    hook: LifecycleHook | None = None

    def begin(self, state: str) -> bool:
        """Begin to wait if the group has a hook for a state, and return whether it has."""
        hooks = self.group.autoscaling_backend.describe_lifecycle_hooks(self.group.name)
        self.hook = next((hook for hook in hooks if hook.lifecycle_transition == _TRANSITIONS[state]), None)
        if self.hook is None:
            return False
        self.node.lifecycle_state = state
        self.node.hook_wait = self
        ACCOUNT_CONDITIONS.delay_change(self.hook.heartbeat_timeout, self._time_out)
        ACCOUNT_CONDITIONS.delay_change(_EVENT_SECONDS, self._put_event)
        return True

    def end(self, result: HookResult, *, reason: str = "Lifecycle Action Completed with ABANDON Result") -> None:
        """End the wait with the hook's result."""
        if not self._waits():
            return
        self.node.hook_wait = None
        if self.node.lifecycle_state.startswith("Pending") and result == "CONTINUE":
            self.node.lifecycle_state = "InService"
            self._close_activity("Successful")
            return
        if self.activity is not None:
            token = mock_random.uuid4()
            self._close_activity("Cancelled", f"Lifecycle Action with token {token} was abandoned: {reason}")
        self.group.instance_states.remove(self.node)
        self.group.ec2_backend.terminate_instances([self.node.instance.id])
        self.group.set_desired_capacity(self.group.desired_capacity)

    def _waits(self) -> bool:
        return self.node in self.group.instance_states and self.node.lifecycle_state != "InService"

    def _time_out(self) -> None:
        if self.hook is not None and getattr(self.node, "hook_wait", None) is self:
            self.end(self.hook.default_result, reason="Heartbeat Timeout")

    def _close_activity(self, status: str, message: str = "") -> None:
        if self.activity is not None:
            now = ACCOUNT_CONDITIONS.account_time()
            self.activity |= {"StatusCode": status, "StatusMessage": message, "Progress": 100, "EndTime": now}

    def _put_event(self) -> None:
        """Put the event of the hook on the account's bus."""
        if self.hook is None or getattr(self.node, "hook_wait", None) is not self:
            return
        kind = "launch" if self.node.lifecycle_state == "Pending:Wait" else "terminate"
        detail = {
            "AutoScalingGroupName": self.group.name,
            "EC2InstanceId": self.node.instance.id,
            "LifecycleHookName": self.hook.name,
            "LifecycleTransition": self.hook.lifecycle_transition,
        }
        entry = {
            "Source": "aws.autoscaling",
            "DetailType": f"EC2 Instance-{kind} Lifecycle Action",
            "Detail": json.dumps(detail),
        }
        events_backends[self.group.account_id][self.group.region].put_events([entry])


def _find_wait(instance_id: str) -> _HookWait | None:
    for _, _, backend in autoscaling_backends.iter_backends():
        for group in backend.autoscaling_groups.values():
            for node in group.instance_states:
                wait: _HookWait | None = getattr(node, "hook_wait", None)
                if node.instance.id == instance_id and wait is not None:
                    return wait
    return None


def _count_new_nodes() -> None:
    """Count nodes that will be in service as active, else the group would launch them again."""

    def active_instances(self: FakeAutoScalingGroup) -> list[InstanceState]:
        return [node for node in self.instance_states if node.lifecycle_state.startswith(("Pending", "InService"))]

    FakeAutoScalingGroup.active_instances = active_instances


def _keep_leaving_nodes() -> None:
    """Let nodes that a smaller group does not need wait for its hook."""
    set_desired_capacity: Callable[[FakeAutoScalingGroup, int | None], None] = FakeAutoScalingGroup.set_desired_capacity

    def set_and_wait(self: FakeAutoScalingGroup, new_capacity: int | None) -> None:
        wanted = self.min_size if new_capacity is None else new_capacity
        active = self.active_instances()
        leaving = [node for node in self.instance_states if node.lifecycle_state.startswith("Terminating")]
        if ACCOUNT_CONDITIONS.current.delays:
            unprotected = [node for node in active if not node.protected_from_scale_in]
            excess = unprotected[: max(0, len(active) - (wanted or 0))]
            leaving += [node for node in excess if _HookWait(group=self, node=node).begin("Terminating:Wait")]
        # moto must not choose from those that leave already.
        self.instance_states = [node for node in self.instance_states if node not in leaving]
        set_desired_capacity(self, new_capacity)
        self.instance_states += leaving

    FakeAutoScalingGroup.set_desired_capacity = set_and_wait


def _terminate_with_hooks() -> None:
    terminate_instance: Callable[[AutoScalingBackend, str, bool], TerminateInstanceActivity] = (
        AutoScalingBackend.terminate_instance
    )

    def terminate_or_wait(self: AutoScalingBackend, instance_id: str, should_decrement: bool) -> Any:  # noqa: FBT001 — moto's signature
        found = [
            (group, node)
            for group in self.autoscaling_groups.values()
            for node in group.instance_states
            if node.instance.id == instance_id
        ]
        waits = ACCOUNT_CONDITIONS.current.delays and any(
            _HookWait(group=group, node=node).begin("Terminating:Wait") for group, node in found
        )
        if not waits:
            return terminate_instance(self, instance_id, should_decrement)
        [(group, node)] = found
        size = group.desired_capacity
        group.set_desired_capacity(size - 1 if should_decrement else size)
        return TerminateInstanceActivity(node.instance, size)

    AutoScalingBackend.terminate_instance = terminate_or_wait


def _complete_lifecycle_actions() -> None:
    def complete_lifecycle_action(self: AutoScalingResponse) -> EmptyResult:
        instance, hook = self._get_param("InstanceId"), self._get_param("LifecycleHookName")
        wait = _find_wait(instance)
        if wait is None or wait.hook is None or wait.hook.name != hook:
            raise ValidationError(f"No active Lifecycle Action found with instance ID {instance}")
        wait.end(self._get_param("LifecycleActionResult"))
        return EmptyResult()

    AutoScalingResponse.complete_lifecycle_action = complete_lifecycle_action
