"""Cost of a stack's usage in US dollars per day, by component. Pure arithmetic in exact decimals."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from cfs.cost.stack_usage import LOGS_GB, NAT_GB, STACK_SECRETS, YEAR_DAYS
from costs.price_list import MissingPriceError, ServicePrice, model_name, token_kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cfs.cost.stack_usage import GroupUsage, RunningHours, StackUsage
    from costs.price_list import PriceList

CostCategory = Literal["infrastructure", "agents"]

DAYS_PER_MONTH = Decimal(YEAR_DAYS) / 12

_DAY_HOURS = Decimal(24)
_ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class DayCost:
    """US dollars per day.

    Attributes:
        average: Average of the year, at current prices.
        running_day: A day on which the cluster runs, at current prices.
        worst_day: Such a day with every node on demand.
    """

    average: Decimal = _ZERO
    running_day: Decimal = _ZERO
    worst_day: Decimal = _ZERO

    def __add__(self, other: DayCost) -> DayCost:
        """Add two costs."""
        return DayCost(
            average=self.average + other.average,
            running_day=self.running_day + other.running_day,
            worst_day=self.worst_day + other.worst_day,
        )

    def __sub__(self, other: DayCost) -> DayCost:
        """Subtract a cost."""
        return DayCost(
            average=self.average - other.average,
            running_day=self.running_day - other.running_day,
            worst_day=self.worst_day - other.worst_day,
        )


@dataclass(frozen=True, kw_only=True)
class ComponentCost:
    """Cost of a component, such as the orchestrator, a node group, disks or the network."""

    name: str
    category: CostCategory = "infrastructure"
    cost: DayCost


def sum_costs(components: Iterable[ComponentCost], category: CostCategory | None = None) -> DayCost:
    """Return the total of all components, or of those in a category."""
    chosen = (each.cost for each in components if category in (None, each.category))
    return sum(chosen, start=DayCost())


def estimate_components(usage: StackUsage, prices: PriceList) -> tuple[ComponentCost, ...]:
    """Return the cost of each component.

    Raises:
        PriceError: A price is missing or stale.
    """
    return tuple(_price_components(usage, prices))


def spot_price(instance_types: Iterable[str], prices: PriceList) -> Decimal:
    """Return the hourly spot price of the cheapest type, which AWS's strategy `price-capacity-optimized` prefers.

    A type has no price if AWS does not offer it on spot in the region, or if its price was never read.

    Raises:
        MissingPriceError: No type has a price.
    """
    known: list[Decimal] = []
    missing: list[str] = []
    for instance_type in instance_types:
        try:
            known.append(prices.spot_hour(instance_type))
        except MissingPriceError:
            missing.append(instance_type)
    if not known:
        raise MissingPriceError(f"no spot price is known for any of {', '.join(missing)} in {prices.region}")
    return min(known)


def _price_components(usage: StackUsage, prices: PriceList) -> Iterator[ComponentCost]:
    hourly = prices.on_demand_hour(usage.orchestrator_type)
    yield ComponentCost(name="orchestrator", cost=_by_hours(usage.orchestrator_hours, hourly))
    for group in usage.groups:
        yield ComponentCost(name=f"group {group.name}", cost=group_cost(group, prices))
    yield ComponentCost(name="disks", cost=_disks_cost(usage, prices))
    yield ComponentCost(name="network", cost=_network_cost(usage, prices))
    yield ComponentCost(name="encryption key", cost=_by_month(prices.service_price(ServicePrice.KMS_KEY_MONTH)))
    s3 = prices.service_price(ServicePrice.S3_GB_MONTH) * usage.artifact_gb
    yield ComponentCost(name="S3", cost=_by_month(s3))
    yield ComponentCost(name="logs", cost=_logs_cost(usage, prices))
    yield ComponentCost(name="alarms and metrics", cost=_observation_cost(usage, prices))
    yield ComponentCost(name="guard", cost=_guard_cost(prices))
    secrets = prices.service_price(ServicePrice.SECRET_MONTH) * STACK_SECRETS
    yield ComponentCost(name="secrets", cost=_by_month(secrets))
    for model in sorted(usage.tokens):
        yield ComponentCost(
            name=f"agents {model_name(model)}", category="agents", cost=_always(_token_cost(model, usage, prices))
        )


def group_cost(group: GroupUsage, prices: PriceList) -> DayCost:
    """Return the cost of a group's instances."""
    if not group.count or not group.hours.running_day:
        return DayCost()
    on_demand = prices.on_demand_hour(group.instance_types[0])
    spot_nodes = group.count - group.on_demand
    spot = spot_price(group.instance_types, prices) if spot_nodes else _ZERO
    return _by_hours(group.hours, on_demand * group.on_demand + spot * spot_nodes, worst=on_demand * group.count)


def _token_cost(model: str, usage: StackUsage, prices: PriceList) -> Decimal:
    millions = usage.tokens[model].items()
    return sum(
        (prices.bedrock_token(model, token_kind(kind)) * count * 1_000_000 for kind, count in millions), start=_ZERO
    )


def _disks_cost(usage: StackUsage, prices: PriceList) -> DayCost:
    daily = prices.volume_gb_month() / DAYS_PER_MONTH
    nodes = (_by_hours(group.hours, daily / _DAY_HOURS * group.disk_gib * group.count) for group in usage.groups)
    return sum(nodes, start=_always(daily * usage.orchestrator_disk_gib))


def _network_cost(usage: StackUsage, prices: PriceList) -> DayCost:
    """Return the cost of public addresses, or of the NAT gateway with its own address."""
    address = prices.service_price(ServicePrice.PUBLIC_IPV4_HOUR)
    if not usage.has_nat:
        nodes = (_by_hours(group.hours, address * group.count) for group in usage.groups)
        return sum(nodes, start=_by_hours(usage.orchestrator_hours, address))
    hourly = prices.service_price(ServicePrice.NAT_GATEWAY_HOUR) + address
    return _always(hourly * _DAY_HOURS + prices.service_price(ServicePrice.NAT_GATEWAY_GB) * NAT_GB)


def _logs_cost(usage: StackUsage, prices: PriceList) -> DayCost:
    kept = prices.service_price(ServicePrice.LOGS_STORED_GB_MONTH) * LOGS_GB * usage.log_retention_days
    return _always(prices.service_price(ServicePrice.LOGS_INGESTED_GB) * LOGS_GB + kept / DAYS_PER_MONTH)


_ORCHESTRATOR_METRICS = 6
"""The orchestrator's metrics: two heartbeats, and memory and disk, each also by environment."""

_NODE_METRICS = 3
"""A node's metrics at most: memory, and two disks."""


def _observation_cost(usage: StackUsage, prices: PriceList) -> DayCost:
    """Return the cost of alarms, and of metrics in hours in which their machines run.

    The account's first three dashboards are free, with up to 50 metrics each: https://aws.amazon.com/cloudwatch/pricing/
    """
    hourly = prices.service_price(ServicePrice.METRIC_MONTH) / DAYS_PER_MONTH / _DAY_HOURS
    nodes = (_by_hours(group.hours, hourly * _NODE_METRICS * group.count) for group in usage.groups)
    machines = sum(nodes, start=_by_hours(usage.orchestrator_hours, hourly * _ORCHESTRATOR_METRICS))
    return machines + _by_month(prices.service_price(ServicePrice.ALARM_MONTH) * usage.alarm_metrics)


_GUARD_RUNS = 288
"""Runs of the guard per day: one every five minutes."""

_GUARD_UNITS: dict[ServicePrice, Decimal] = {
    ServicePrice.LAMBDA_REQUEST: Decimal(_GUARD_RUNS),
    ServicePrice.METRIC_REQUESTED: Decimal(_GUARD_RUNS * 8),
    ServicePrice.DYNAMODB_READ: Decimal(_GUARD_RUNS * 4),
    ServicePrice.DYNAMODB_WRITE: Decimal(_GUARD_RUNS * 2),
    ServicePrice.COST_EXPLORER_REQUEST: Decimal(2),
    ServicePrice.ALARM_MONTH: 3 / DAYS_PER_MONTH,
    ServicePrice.METRIC_MONTH: 4 / DAYS_PER_MONTH,
}
"""What the guard uses per day by design: each run asks for eight metrics, reads four items and writes two; besides
there are two calls of Cost Explorer, three alarms and four metrics of its own."""


def _guard_cost(prices: PriceList) -> DayCost:
    calls = sum((prices.service_price(name) * units for name, units in _GUARD_UNITS.items()), _ZERO)
    gb_seconds = Decimal("0.25") * 2 * _GUARD_RUNS
    return _always(calls + prices.lambda_gb_second("arm64") * gb_seconds)


def _by_hours(hours: RunningHours, hourly: Decimal, *, worst: Decimal | None = None) -> DayCost:
    return DayCost(
        average=hourly * hours.average,
        running_day=hourly * hours.running_day,
        worst_day=(hourly if worst is None else worst) * hours.running_day,
    )


def _by_month(monthly: Decimal) -> DayCost:
    return _always(monthly / DAYS_PER_MONTH)


def _always(usd: Decimal) -> DayCost:
    return DayCost(average=usd, running_day=usd, worst_day=usd)
