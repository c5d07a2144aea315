"""Launches nodes on demand if AWS has no spot capacity, without replacing running nodes.

AWS applies a change of a group's distribution to running nodes too: it replaces them step by step until they match.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-autoscaling-autoscalinggroup-instancesdistribution.html
("gradual replacement of instances"). So the distribution is set to exactly the resulting nodes: the existing and the
missing nodes on demand, the others on spot. It stays so while these nodes run, since restoring it would replace them in
the middle of a test. The group's tag `OnDemandFallback` holds the distribution to restore. The tag is set before the
distribution changes and removed after the distribution is restored, so it survives a killed command.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from cfs.cluster.auto_scaling_groups import FALLBACK_TAG, InstancesDistribution
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cfs.aws import AwsAccount
    from cfs.cluster.auto_scaling_groups import AutoScalingGroup
    from cfs.cluster.node_runs import NodeInstance


def count_on_demand(group: AutoScalingGroup, instances: Sequence[NodeInstance]) -> int:
    """Count a group's on-demand nodes."""
    return sum(
        instance.group == group.name and instance.is_there and instance.market == "on-demand" for instance in instances
    )


def fallback_distribution(group: AutoScalingGroup, instances: Sequence[NodeInstance]) -> InstancesDistribution:
    """Return the distribution with which AWS launches a group's missing nodes on demand and replaces none."""
    return InstancesDistribution(base=count_on_demand(group, instances) + group.missing_count, percent=0)


def is_fallback_over(group: AutoScalingGroup, instances: Sequence[NodeInstance]) -> bool:
    """Return whether a group's distribution can be restored without replacing a node."""
    return group.fallback_from is not None and count_on_demand(group, instances) <= group.fallback_from.on_demand_count(
        group.desired
    )


def begin_fallback(aws: AwsAccount, group: AutoScalingGroup, wanted: InstancesDistribution) -> None:
    """Make a group launch its missing nodes on demand."""
    if group.policy is None:
        raise UserError(
            f"The group {group.name} uses no spot instances, so --on-demand has no effect on it.",
            repair="find out why AWS cannot launch its nodes, and fix that",
        )
    if group.fallback_from is None:
        aws.call_operation(
            "autoscaling", "create_or_update_tags", Tags=[{**_fallback_tag(group), "Value": str(group.distribution)}]
        )
    _set_distribution(aws, group, wanted)


def end_fallback(aws: AwsAccount, group: AutoScalingGroup) -> None:
    """Restore a group's distribution."""
    if group.fallback_from is None:
        return
    _set_distribution(aws, group, group.fallback_from)
    aws.call_operation("autoscaling", "delete_tags", Tags=[_fallback_tag(group)])


def changed_policy(described: Mapping[str, Any], wanted: InstancesDistribution) -> dict[str, Any]:
    """Return a mixed instances policy with another distribution.

    AWS describes the launch template by ID and by name, but accepts only one of them:
    https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_LaunchTemplateSpecification.html
    """
    changed = copy.deepcopy(dict(described))
    template = changed.get("LaunchTemplate", {})
    specifications = [template, *template.get("Overrides", [])]
    for holder in specifications:
        specification = holder.get("LaunchTemplateSpecification")
        if specification and "LaunchTemplateId" in specification:
            specification.pop("LaunchTemplateName", None)
    changed["InstancesDistribution"] = {
        **changed.get("InstancesDistribution", {}),
        "OnDemandBaseCapacity": wanted.base,
        "OnDemandPercentageAboveBaseCapacity": wanted.percent,
    }
    return changed


def _set_distribution(aws: AwsAccount, group: AutoScalingGroup, wanted: InstancesDistribution) -> None:
    aws.call_operation(
        "autoscaling",
        "update_auto_scaling_group",
        AutoScalingGroupName=group.full_name,
        MixedInstancesPolicy=changed_policy(group.policy or {}, wanted),
    )


def _fallback_tag(group: AutoScalingGroup) -> dict[str, Any]:
    return {
        "ResourceId": group.full_name,
        "ResourceType": "auto-scaling-group",
        "Key": FALLBACK_TAG,
        "PropagateAtLaunch": False,
    }
