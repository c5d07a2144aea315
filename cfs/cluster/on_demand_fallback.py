"""Nodes on demand where AWS has no spot capacity, without touching those that run.

A change of a group's distribution is no matter of new nodes alone: AWS replaces running ones step by step until they
match it. https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-autoscaling-autoscalinggroup-instancesdistribution.html
("gradual replacement of instances"). So the distribution is set to exactly what then runs: as many on demand as there
are and are missing, the others on spot. And it stays so while these nodes run, since putting it back would have them
replaced in the middle of a test. The group's tag `OnDemandFallback` holds what to put back; it is set before the
distribution and removed after it, so that a dead console leaves a note in any case.
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
    """Count a group's nodes on demand."""
    return sum(
        instance.group == group.name and instance.is_there and instance.market == "on-demand" for instance in instances
    )


def fallback_distribution(group: AutoScalingGroup, instances: Sequence[NodeInstance]) -> InstancesDistribution:
    """Decide on a distribution that lets AWS launch a group's missing nodes on demand and replace none that runs."""
    return InstancesDistribution(base=count_on_demand(group, instances) + group.missing_count, percent=0)


def is_fallback_over(group: AutoScalingGroup, instances: Sequence[NodeInstance]) -> bool:
    """Return whether a group's distribution can be put back without a node being replaced for it."""
    return group.fallback_from is not None and count_on_demand(group, instances) <= group.fallback_from.on_demand_count(
        group.desired
    )


def begin_fallback(aws: AwsAccount, group: AutoScalingGroup, wanted: InstancesDistribution) -> None:
    """Have a group launch on demand what it lacks."""
    if group.policy is None:
        raise UserError(
            f"The group {group.name} knows no spot instances: --on-demand changes nothing for it.",
            repair="repair what keeps AWS from launching its nodes",
        )
    if group.fallback_from is None:
        aws.call_operation(
            "autoscaling", "create_or_update_tags", Tags=[{**_fallback_tag(group), "Value": str(group.distribution)}]
        )
    _set_distribution(aws, group, wanted)


def end_fallback(aws: AwsAccount, group: AutoScalingGroup) -> None:
    """Put a group's distribution back."""
    if group.fallback_from is None:
        return
    _set_distribution(aws, group, group.fallback_from)
    aws.call_operation("autoscaling", "delete_tags", Tags=[_fallback_tag(group)])


def changed_policy(described: Mapping[str, Any], wanted: InstancesDistribution) -> dict[str, Any]:
    """Return a mixed instances policy with another distribution and nothing else changed.

    AWS describes its launch template by id and by name and takes one of them:
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
