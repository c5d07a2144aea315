"""Rules about what the stack can cost: its budget, prices of what it launches, and counts of nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costs.price_list import PriceError, load_price_list, on_demand_name, spot_name
from policies.estimated_types import ESTIMATED_TYPES
from policies.model import CheckedResource, Violation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MAX_DAILY_USD = 100
"""The largest daily budget, in US dollars."""

DAILY_ALERT_PERCENTAGES = frozenset({80, 100})
"""Thresholds of the daily budget's alerts, in percent."""

_BUDGET = "aws:budgets/budget:Budget"
_GROUP = "aws:autoscaling/group:Group"
_INSTANCE = "aws:ec2/instance:Instance"
_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
_BUCKET = "aws:s3/bucket:Bucket"
_VOLUME = "aws:ebs/volume:Volume"


def find_high_budget(resource: CheckedResource) -> Iterator[str]:
    """Yield a daily budget that is too high, or has no alerts at 80 and 100 percent."""
    properties = resource.properties
    if resource.type != _BUDGET or properties.get("timeUnit") != "DAILY":
        return
    limit = properties.get("limitAmount", "0")
    if isinstance(limit, str | int | float) and float(limit) > MAX_DAILY_USD:
        yield f"The limit is ${float(limit):g} a day, more than ${MAX_DAILY_USD}."
    alerts = {
        round(float(alert["threshold"])) for alert in resource.known_blocks("notifications") if _is_daily_alert(alert)
    }
    if missing := sorted(DAILY_ALERT_PERCENTAGES - alerts):
        yield f"There is no alert at {' and '.join(f'{percentage} %' for percentage in missing)}."


def _is_daily_alert(alert: Mapping[str, Any]) -> bool:
    subscribers = alert.get("subscriberSnsTopicArns") or alert.get("subscriberEmailAddresses")
    return (
        alert.get("notificationType") == "ACTUAL" and alert.get("thresholdType") == "PERCENTAGE" and bool(subscribers)
    )


def find_missing_budget(resources: Sequence[CheckedResource]) -> Iterator[Violation]:
    """Yield a stack with machines and without a daily budget."""
    has_machines = any(resource.type in (_INSTANCE, _GROUP) for resource in resources)
    if has_machines and not any(
        resource.type == _BUDGET and resource.properties.get("timeUnit") == "DAILY" for resource in resources
    ):
        yield Violation(resource=None, problem="The stack has machines and no daily budget.")


def find_unpriced(resource: CheckedResource) -> Iterator[str]:
    """Yield types of instances and volumes without a price in the resource's region."""
    wanted = [
        *map(_instance_price_names, _instance_types(resource)),
        *([_volume_price(each)] for each in _volume_blocks(resource)),
    ]
    if not wanted or not resource.region:
        return
    try:
        prices = load_price_list(resource.region)
    except PriceError as error:
        yield f"{str(error).capitalize()}."
        return
    unpriced = sorted({names[0] for names in wanted if prices.prices.keys().isdisjoint(names)})
    if unpriced:
        yield f"No price is known for {', '.join(unpriced)} in {resource.region}."


def _instance_types(resource: CheckedResource) -> list[str]:
    found: list[Any] = []
    if resource.type in (_INSTANCE, _TEMPLATE):
        found.append(resource.properties.get("instanceType"))
    if resource.type == _GROUP:
        for policy in resource.known_blocks("mixedInstancesPolicy"):
            template = policy.get("launchTemplate")
            overrides = template.get("overrides") if isinstance(template, dict) else None
            found += [override.get("instanceType") for override in overrides or () if isinstance(override, dict)]
    return [each for each in found if isinstance(each, str)]


def _instance_price_names(instance_type: str) -> list[str]:
    return [on_demand_name(instance_type), spot_name(instance_type)]


def _volume_blocks(resource: CheckedResource) -> Iterator[Mapping[str, Any]]:
    if resource.type == _VOLUME:
        yield {"volumeType": resource.properties.get("type")}
    if resource.type == _INSTANCE:
        yield from (*resource.known_blocks("rootBlockDevice"), *resource.known_blocks("ebsBlockDevices"))
    if resource.type == _TEMPLATE:
        mappings: Iterable[Mapping[str, Any]] = resource.known_blocks("blockDeviceMappings")
        yield from (mapping["ebs"] for mapping in mappings if isinstance(mapping.get("ebs"), dict))


def _volume_price(volume: Mapping[str, Any]) -> str:
    kind = volume.get("volumeType")
    # EC2's default type.
    return f"ebs/{kind if isinstance(kind, str) else 'gp2'}/gb-month"


def find_unestimated_types(resource: CheckedResource) -> Iterator[str]:
    """Yield AWS resources of types about which nobody has decided what they cost."""
    if resource.type.startswith("aws:") and resource.type not in ESTIMATED_TYPES:
        yield f"`cfs cost estimate` does not know what {resource.type} costs."


def find_excess_nodes(resource: CheckedResource) -> Iterator[str]:
    """Yield a group that may run more nodes than the estimate counts: the tag `Nodes`, and one in replacement."""
    if resource.type != _GROUP:
        return
    nodes, most = (resource.tag_values or {}).get("Nodes"), resource.properties.get("maxSize")
    if not isinstance(most, int | float):
        return
    if nodes is None:
        yield "It has no tag Nodes, the number of nodes that the estimate counts."
    elif isinstance(nodes, str) and most > int(nodes) + 1:
        yield f"Its maximum is {most:g} nodes; the estimate counts {nodes}, and one more during a replacement."


def find_unprotected_state(resource: CheckedResource) -> Iterator[str]:
    """Yield a state bucket that Pulumi would delete."""
    if resource.type == _BUCKET and (resource.tag_values or {}).get("Role") == "state" and not resource.protected:
        yield "It holds the state and is not protected."
