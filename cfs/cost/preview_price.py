"""A stack's usage before a change: the usage after it, with the old inputs of changed resources in a preview's JSON.

Only resources that cost money are read: the orchestrator, node groups with their disks and hours, and the NAT gateway.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cfs.cost.stack_usage import GroupUsage, RunningHours, StackUsage
from cfs.previews.changes import changing_steps, urn_name, urn_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_INSTANCE = "aws:ec2/instance:Instance"
_GROUP = "aws:autoscaling/group:Group"
_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
_SCHEDULE = "aws:autoscaling/schedule:Schedule"
_NAT = "aws:ec2/natGateway:NatGateway"

_NEVER = RunningHours(average=Decimal(0), running_day=Decimal(0))


def usage_before_change(after: StackUsage, preview: Mapping[str, Any]) -> StackUsage | None:
    """Return the stack's usage before a change, or None if the change creates the stack.

    If a group's start or stop changes, its hours afterwards are scaled by the ratio of the two durations; days that the
    change adds to the schedule or removes from it are ignored. Tokens are assumed to be unchanged.

    Args:
        after: Usage after the change, from the settings.
        preview: Output of `pulumi preview --json`.
    """
    steps = changing_steps(preview)
    if any(step["op"] == "create" and urn_type(step["urn"]) == "pulumi:pulumi:Stack" for step in steps):
        return None
    before = after
    for inputs in _old_inputs(steps, _INSTANCE):
        disk = inputs.get("rootBlockDevice", {}).get("volumeSize", before.orchestrator_disk_gib)
        before = replace(before, orchestrator_type=inputs["instanceType"], orchestrator_disk_gib=disk)
    for step in steps:
        if urn_type(step["urn"]) == _NAT:
            before = replace(before, has_nat=step["op"] != "create")
    return replace(before, groups=tuple(_groups_before(after, steps)))


def _groups_before(after: StackUsage, steps: Sequence[Mapping[str, Any]]) -> Iterator[GroupUsage]:
    changed = {urn_name(step["urn"]): step for step in steps if urn_type(step["urn"]) == _GROUP}
    templates = {urn_name(step["urn"]): step for step in steps if urn_type(step["urn"]) == _TEMPLATE}
    gone = [_deleted_group(name, after) for name, step in changed.items() if step["op"] == "delete"]
    for group in (*after.groups, *gone):
        step = changed.get(group.name)
        if step is not None and step["op"] == "create":
            continue
        old = _group_with_inputs(group, step) if step is not None else group
        old = _group_with_disk(old, templates.get(group.name))
        yield replace(old, hours=_hours_before(group, steps))


def _deleted_group(name: str, after: StackUsage) -> GroupUsage:
    hours = max((group.hours for group in after.groups), key=lambda hours: hours.average, default=_NEVER)
    return GroupUsage(name=name, role="", instance_types=(), count=0, on_demand=0, disk_gib=0, hours=hours)


def _group_with_inputs(group: GroupUsage, step: Mapping[str, Any]) -> GroupUsage:
    inputs = step["oldState"]["inputs"]
    policy = inputs["mixedInstancesPolicy"]
    count = next((int(tag["value"]) for tag in inputs.get("tags", []) if tag["key"] == "Nodes"), group.count)
    distribution = policy.get("instancesDistribution", {})
    certain = min(int(distribution.get("onDemandBaseCapacity", 0)), count)
    share = -(-(count - certain) * int(distribution.get("onDemandPercentageAboveBaseCapacity", 0)) // 100)
    types = tuple(override["instanceType"] for override in policy["launchTemplate"].get("overrides", []))
    return replace(group, count=count, on_demand=certain + share, instance_types=types or group.instance_types)


def _group_with_disk(group: GroupUsage, step: Mapping[str, Any] | None) -> GroupUsage:
    inputs = ((step or {}).get("oldState") or {}).get("inputs", {})
    sizes = [int(mapping["ebs"]["volumeSize"]) for mapping in inputs.get("blockDeviceMappings", [])]
    return replace(group, disk_gib=sum(sizes)) if sizes else group


def _hours_before(group: GroupUsage, steps: Sequence[Mapping[str, Any]]) -> RunningHours:
    """Return a group's hours before the change, from the old and new minutes of the day of its start and stop."""
    times: dict[str, tuple[int, int]] = {}
    for step in steps:
        name = urn_name(step["urn"])
        if urn_type(step["urn"]) == _SCHEDULE and name in (f"{group.name}-start", f"{group.name}-stop"):
            states = [(step.get(state) or {}).get("inputs", {}) for state in ("oldState", "newState")]
            known = [_cron_minutes(inputs["recurrence"]) for inputs in states if inputs.get("recurrence")]
            if known:
                times[name.rpartition("-")[2]] = (known[0], known[-1])
    if not times or not group.hours.running_day:
        return group.hours
    now = int(group.hours.running_day * 60)
    start_moved, stop_moved = (old - new for old, new in (times.get(which, (0, 0)) for which in ("start", "stop")))
    ratio = Decimal((now + stop_moved - start_moved) % (24 * 60) or 24 * 60) / now
    return RunningHours(average=group.hours.average * ratio, running_day=group.hours.running_day * ratio)


def _cron_minutes(recurrence: str) -> int:
    minute, hour = recurrence.split()[:2]
    return int(hour) * 60 + int(minute)


def _old_inputs(steps: Sequence[Mapping[str, Any]], resource_type: str) -> Iterator[Mapping[str, Any]]:
    for step in steps:
        if urn_type(step["urn"]) == resource_type and step.get("oldState"):
            yield step["oldState"]["inputs"]
