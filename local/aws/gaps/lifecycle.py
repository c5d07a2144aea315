"""Auto Scaling: a lifecycle action is completed. moto's instances wait in no hook, so there is nothing to be done."""

from __future__ import annotations

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult


def close() -> None:
    """Close the gaps of this service."""
    _complete_lifecycle_actions()


def _complete_lifecycle_actions() -> None:
    def complete_lifecycle_action(self: AutoScalingResponse) -> ActionResult:
        group, hook = self._get_param("AutoScalingGroupName"), self._get_param("LifecycleHookName")
        if not self.autoscaling_backend.describe_lifecycle_hooks(group, [hook]):
            raise ValidationError(f"No active Lifecycle Action found with hook {hook} of {group}")
        return EmptyResult()

    AutoScalingResponse.complete_lifecycle_action = complete_lifecycle_action
