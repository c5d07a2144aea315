"""Auto Scaling: attributes of groups and lifecycle hooks, and nodes launched as their template specifies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from moto.autoscaling.models import (
    ASG_NAME_TAG,
    AutoScalingBackend,
    FakeAutoScalingGroup,
    InstanceState,
    LifecycleHook,
)
from moto.autoscaling.responses import AutoScalingResponse

if TYPE_CHECKING:
    from collections.abc import Callable


def close_autoscaling_gaps() -> None:
    """Close the gaps of this service."""
    _answer_defaults_of_groups()
    _update_whole_groups()
    _launch_by_version_and_subnet()
    _terminate_oldest_nodes_first()
    _omit_unset_hook_targets()
    _delete_hooks_with_their_groups()


def _answer_defaults_of_groups() -> None:
    FakeAutoScalingGroup.availability_zone_distribution = {"CapacityDistributionStrategy": "balanced-best-effort"}
    FakeAutoScalingGroup.capacity_reservation_specification = {"CapacityReservationPreference": "default"}


def _update_whole_groups() -> None:
    """Keep settings that an update does not name, and apply one that moto ignores."""
    update_auto_scaling_group: Callable[[AutoScalingResponse], Any] = AutoScalingResponse.update_auto_scaling_group
    update: Callable[..., None] = FakeAutoScalingGroup.update

    def update_whole_group(self: AutoScalingResponse) -> Any:
        answer = update_auto_scaling_group(self)
        group = self.autoscaling_backend.autoscaling_groups[self._get_param("AutoScalingGroupName")]
        rebalance = self._get_bool_param("CapacityRebalance")
        if rebalance is not None:
            group.capacity_rebalance = rebalance
        return answer

    def update_and_keep(self: FakeAutoScalingGroup, **changes: Any) -> None:
        if not changes.get("launch_template") and not changes.get("launch_config_name"):
            changes["mixed_instances_policy"] = changes.get("mixed_instances_policy") or _policy_by_template_id(self)
        update(self, **changes)

    AutoScalingResponse.update_auto_scaling_group = update_whole_group
    FakeAutoScalingGroup.update = update_and_keep


def _policy_by_template_id(group: FakeAutoScalingGroup) -> dict[str, Any] | None:
    """Return a group's policy in the form of a request, which names the template by ID or by name, but not by both."""
    if not group.mixed_instances_policy:
        return None
    template = group.mixed_instances_policy["LaunchTemplate"]
    specification = {
        key: value for key, value in template["LaunchTemplateSpecification"].items() if key != "LaunchTemplateName"
    }
    return {
        **group.mixed_instances_policy,
        "LaunchTemplate": {**template, "LaunchTemplateSpecification": specification},
    }


def _launch_by_version_and_subnet() -> None:
    """Launch nodes from the group's template version, across all its subnets, as on-demand or spot instances."""
    launch: Callable[[FakeAutoScalingGroup, int, dict[str, str]], None] = (
        FakeAutoScalingGroup.replace_autoscaling_group_instances
    )

    def launch_nodes(self: FakeAutoScalingGroup, count_needed: int, propagated_tags: dict[str, str]) -> None:
        if not self.mixed_instances_policy or not self.vpc_zone_identifier:
            launch(self, count_needed, propagated_tags)
            return
        for _ in range(count_needed):
            [instance] = _launch_node(
                self, {**self.instance_tags, **propagated_tags, ASG_NAME_TAG: self.name}
            ).instances
            instance.autoscaling_group = self
            protected = self.new_instances_protected_from_scale_in
            self.instance_states.append(InstanceState(instance, protected_from_scale_in=protected))

    FakeAutoScalingGroup.replace_autoscaling_group_instances = launch_nodes


def _launch_node(group: FakeAutoScalingGroup, tags: dict[str, str]) -> Any:
    """Launch one more node of a group."""
    policy = group.mixed_instances_policy
    subnets = group.vpc_zone_identifier.split(",")
    number = len(group.instance_states)
    overrides = policy["LaunchTemplate"].get("Overrides") or []
    return group.ec2_backend.run_instances(
        group.image_id,
        1,
        group.user_data,
        [],
        instance_type=overrides[0]["InstanceType"] if overrides else group.instance_type,
        is_instance_type_default=False,
        region_name=group.region,
        subnet_id=subnets[number % len(subnets)],
        tags={"instance": tags},
        instance_market_options="spot" if launches_spot_next(group) else None,
        launch_template={"LaunchTemplateId": group.ec2_launch_template.id, "Version": group.launch_template_version},
    )


def launches_spot_next(group: FakeAutoScalingGroup) -> bool:
    """Return whether the next node of a group is a spot instance."""
    if not group.mixed_instances_policy:
        return False
    on_demand = sum(state.instance.lifecycle is None for state in group.instance_states)
    distribution = group.mixed_instances_policy["InstancesDistribution"]
    return on_demand >= _on_demand_count(distribution, node_count=len(group.instance_states) + 1)


def _on_demand_count(distribution: dict[str, Any], *, node_count: int) -> int:
    """Return the number of on-demand instances among a group's nodes; AWS rounds their share up."""
    base = min(node_count, int(distribution.get("OnDemandBaseCapacity", 0)))
    percent = int(distribution.get("OnDemandPercentageAboveBaseCapacity", 100))
    return base + math.ceil((node_count - base) * percent / 100)


def _terminate_oldest_nodes_first() -> None:
    """Keep the order of a group's nodes, which moto shuffles, so that a replay terminates the same nodes."""
    set_desired_capacity: Callable[[FakeAutoScalingGroup, int | None], None] = FakeAutoScalingGroup.set_desired_capacity

    def set_in_order(self: FakeAutoScalingGroup, new_capacity: int | None) -> None:
        order = {state.instance.id: place for place, state in enumerate(self.instance_states)}
        set_desired_capacity(self, new_capacity)
        self.instance_states.sort(key=lambda state: order.get(state.instance.id, len(order)))

    FakeAutoScalingGroup.set_desired_capacity = set_in_order


def _omit_unset_hook_targets() -> None:
    put_lifecycle_hook: Callable[[AutoScalingResponse], Any] = AutoScalingResponse.put_lifecycle_hook

    def put_hook(self: AutoScalingResponse) -> Any:
        answer = put_lifecycle_hook(self)
        [hook] = self.autoscaling_backend.describe_lifecycle_hooks(
            as_name=self._get_param("AutoScalingGroupName"),
            lifecycle_hook_names=[self._get_param("LifecycleHookName")],
        )
        _set_hook_targets(hook, self)
        return answer

    AutoScalingResponse.put_lifecycle_hook = put_hook


def _set_hook_targets(hook: LifecycleHook, request: AutoScalingResponse) -> None:
    hook.role_arn = request._get_param("RoleARN")  # noqa: SLF001 — moto's own handlers read parameters this way
    hook.notification_target_arn = request._get_param("NotificationTargetARN")  # noqa: SLF001 — same reason
    hook.notification_metadata = request._get_param("NotificationMetadata")  # noqa: SLF001 — same reason


def _delete_hooks_with_their_groups() -> None:
    delete_auto_scaling_group: Callable[[AutoScalingBackend, str], None] = AutoScalingBackend.delete_auto_scaling_group

    def delete_with_hooks(self: AutoScalingBackend, group_name: str) -> None:
        delete_auto_scaling_group(self, group_name)
        for hook in self.describe_lifecycle_hooks(group_name):
            self.delete_lifecycle_hook(group_name, hook.name)

    AutoScalingBackend.delete_auto_scaling_group = delete_with_hooks
