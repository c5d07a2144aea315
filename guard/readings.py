"""What a tick measures: instances and tokens each time, what changes slowly every half hour."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from costs.price_list import ServicePrice
from guard.instances import PAGE_SIZE, Instance, environment_filters, read_instances
from guard.meter import Measurement, PricedInstance, day_start
from guard.tariff import Tariff, capacity_pool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from costs.price_list import TokenKind
    from guard.calls import AwsCalls
    from guard.environment import GuardSettings
    from guard.records import DayRecord

SLOW_READING_EVERY = timedelta(minutes=30)
"""How often volumes, NAT gateways, addresses and spot prices are read: they change slowly, and each costs calls."""

TOKENS, NAT_TRAFFIC = "bedrock", "nat-traffic"
VOLUMES, NAT_GATEWAYS, ADDRESSES = "volumes", "nat-gateways", "addresses"

_TOKEN_METRICS: Mapping[str, TokenKind] = {
    "InputTokenCount": "input",
    "OutputTokenCount": "output",
    "CacheReadInputTokenCount": "cache-read",
    "CacheWriteInputTokenCount": "cache-write",
}
"""Bedrock's metrics of tokens, whose dimension is the model:
https://docs.aws.amazon.com/bedrock/latest/userguide/monitoring-runtime-metrics.html"""

_NAT_METRICS = ("BytesInFromSource", "BytesInFromDestination")
"""What a NAT gateway has processed, in bytes:
https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html"""

_DAY_SECONDS = 86_400
_QUERIES_PER_CALL = 500
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html"""

_GB = 10**9


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was measured at a time.

    Attributes:
        measurement: What the meter counts.
        instances: The instances behind it.
        spot_usd: Spot prices per hour by capacity pool; empty if not read.
        nat_gateways: IDs of the NAT gateways; None if not read.
        is_slow: Whether it has what is read every half hour.
    """

    measurement: Measurement
    instances: tuple[Instance, ...]
    spot_usd: Mapping[str, Decimal] = field(default_factory=dict)
    nat_gateways: tuple[str, ...] | None = None
    is_slow: bool = False


def is_slow_reading_due(record: DayRecord, now: datetime) -> bool:
    """Return whether what changes slowly must be read."""
    return record.slow_reading_at is None or now - record.slow_reading_at >= SLOW_READING_EVERY


def take_reading(
    calls: AwsCalls, settings: GuardSettings, tariff: Tariff, record: DayRecord, *, now: datetime
) -> Reading:
    """Measure instances, tokens and the NAT gateways' traffic."""
    instances, is_complete = read_instances(calls, settings)
    pools = {capacity_pool(each.instance_type, each.zone) for each in instances if each.is_spot}
    spot = dict(record.spot_usd)
    fresh: Mapping[str, Decimal] = {}
    if pools - spot.keys() or (pools and is_slow_reading_due(record, now)):
        types = sorted({each.instance_type for each in instances if each.is_spot})
        fresh = calls.attempt_call("ec2:DescribeSpotPriceHistory", lambda: _read_spot_prices(calls, types, now)) or {}
        spot.update(fresh)
    day_usd = _read_counted(calls, tariff, record, now=now)
    return Reading(
        measurement=Measurement(
            at=now,
            instances=tuple(_price_instance(each, tariff, spot) for each in instances),
            has_all_instances=is_complete,
            day_usd=day_usd,
        ),
        instances=instances,
        spot_usd=fresh,
    )


def take_slow_reading(calls: AwsCalls, settings: GuardSettings, tariff: Tariff, *, now: datetime) -> Reading:
    """Measure what changes slowly: volumes, NAT gateways and addresses."""
    volumes = calls.attempt_call("ec2:DescribeVolumes", lambda: _read_volumes(calls, settings, tariff))
    gateways = calls.attempt_call("ec2:DescribeNatGateways", lambda: _read_nat_gateways(calls, settings))
    addresses = calls.attempt_call("ec2:DescribeAddresses", lambda: _count_addresses(calls, settings))
    hourly = {
        VOLUMES: volumes,
        NAT_GATEWAYS: None if gateways is None else tariff.service_price(ServicePrice.NAT_GATEWAY_HOUR) * len(gateways),
        ADDRESSES: None if addresses is None else tariff.service_price(ServicePrice.PUBLIC_IPV4_HOUR) * addresses,
    }
    return Reading(
        measurement=Measurement(at=now, hourly_usd={name: usd for name, usd in hourly.items() if usd is not None}),
        instances=(),
        nat_gateways=gateways,
        is_slow=None not in hourly.values(),
    )


def _price_instance(instance: Instance, tariff: Tariff, spot: Mapping[str, Decimal]) -> PricedInstance:
    usd = tariff.instance_hour(instance.instance_type, zone=instance.zone, is_spot=instance.is_spot, spot=spot)
    if instance.has_public_ip:
        usd += tariff.service_price(ServicePrice.PUBLIC_IPV4_HOUR)
    return PricedInstance(
        id=instance.id, state=instance.state, launched=instance.launched, ended=instance.ended, usd_per_hour=usd
    )


def _read_spot_prices(calls: AwsCalls, types: list[str], now: datetime) -> dict[str, Decimal]:
    """Return the spot prices that are in force; AWS has several of a pool if one has just changed."""
    pages = calls.service_client("ec2").get_paginator("describe_spot_price_history")
    prices: dict[str, Decimal] = {}
    for page in pages.paginate(InstanceTypes=types, ProductDescriptions=["Linux/UNIX"], StartTime=now, EndTime=now):
        for price in page["SpotPriceHistory"]:
            pool = capacity_pool(price["InstanceType"], price["AvailabilityZone"])
            prices[pool] = max(prices.get(pool, Decimal(0)), Decimal(price["SpotPrice"]))
    return prices


def _read_volumes(calls: AwsCalls, settings: GuardSettings, tariff: Tariff) -> Decimal:
    pages = calls.service_client("ec2").get_paginator("describe_volumes")
    found = (
        volume
        for page in pages.paginate(Filters=environment_filters(settings), PaginationConfig={"PageSize": PAGE_SIZE})
        for volume in page["Volumes"]
    )
    return sum((tariff.volume_hour(volume["VolumeType"], volume["Size"]) for volume in found), start=Decimal(0))


def _read_nat_gateways(calls: AwsCalls, settings: GuardSettings) -> tuple[str, ...]:
    states = {"Name": "state", "Values": ["pending", "available", "deleting"]}
    pages = calls.service_client("ec2").get_paginator("describe_nat_gateways")
    found = pages.paginate(Filter=[*environment_filters(settings), states])
    return tuple(gateway["NatGatewayId"] for page in found for gateway in page["NatGateways"])


def _count_addresses(calls: AwsCalls, settings: GuardSettings) -> int:
    """Count Elastic IP addresses; those of instances are counted with the instances."""
    answer = calls.service_client("ec2").describe_addresses(Filters=environment_filters(settings))
    return sum(not address.get("InstanceId") for address in answer["Addresses"])


@dataclass(frozen=True, kw_only=True)
class _CountedMetric:
    """A metric of CloudWatch whose sum costs money."""

    component: str
    namespace: str
    name: str
    dimension: str
    value: str
    usd_per_unit: Decimal


def _read_counted(calls: AwsCalls, tariff: Tariff, record: DayRecord, *, now: datetime) -> dict[str, Decimal]:
    """Return what tokens and NAT traffic have cost since midnight; nothing if a call fails."""
    tokens = calls.attempt_call("cloudwatch:ListMetrics", lambda: list(_list_token_metrics(calls, tariff)))
    traffic = [
        _CountedMetric(
            component=NAT_TRAFFIC,
            namespace="AWS/NATGateway",
            name=name,
            dimension="NatGatewayId",
            value=gateway,
            usd_per_unit=tariff.service_price(ServicePrice.NAT_GATEWAY_GB) / _GB,
        )
        for gateway in record.nat_gateways
        for name in _NAT_METRICS
    ]
    metrics = [*(tokens or ()), *traffic]
    components = [*([] if tokens is None else [TOKENS]), *([NAT_TRAFFIC] if traffic else [])]
    if not metrics:
        return dict.fromkeys(components, Decimal(0))
    usd = calls.attempt_call("cloudwatch:GetMetricData", lambda: _sum_metrics(calls, metrics, now))
    return {} if usd is None else {name: usd.get(name, Decimal(0)) for name in components}


def _list_token_metrics(calls: AwsCalls, tariff: Tariff) -> Iterator[_CountedMetric]:
    pages = calls.service_client("cloudwatch").get_paginator("list_metrics")
    for page in pages.paginate(Namespace="AWS/Bedrock"):
        for metric in page["Metrics"]:
            kind = _TOKEN_METRICS.get(metric["MetricName"])
            dimensions = metric["Dimensions"]
            # The same tokens are also in metrics with more dimensions, and in one without any.
            if kind is None or [of["Name"] for of in dimensions] != ["ModelId"]:
                continue
            model = dimensions[0]["Value"]
            yield _CountedMetric(
                component=TOKENS,
                namespace="AWS/Bedrock",
                name=metric["MetricName"],
                dimension="ModelId",
                value=model,
                usd_per_unit=tariff.token_price(model, kind),
            )


def _sum_metrics(calls: AwsCalls, metrics: list[_CountedMetric], now: datetime) -> dict[str, Decimal]:
    usd: dict[str, Decimal] = {}
    for start in range(0, len(metrics), _QUERIES_PER_CALL):
        asked = metrics[start : start + _QUERIES_PER_CALL]
        sums = _read_sums(calls, asked, now)
        for number, metric in enumerate(asked):
            cost = sums[f"m{number}"] * metric.usd_per_unit
            usd[metric.component] = usd.get(metric.component, Decimal(0)) + cost
    return usd


def _read_sums(calls: AwsCalls, metrics: list[_CountedMetric], now: datetime) -> dict[str, Decimal]:
    """Return the metrics' sums since midnight.

    Raises:
        ValueError: CloudWatch has returned a part of them.
    """
    pages = calls.service_client("cloudwatch").get_paginator("get_metric_data")
    sums = dict.fromkeys((f"m{number}" for number in range(len(metrics))), Decimal(0))
    answered: set[str] = set()
    for page in pages.paginate(
        MetricDataQueries=[_metric_query(f"m{number}", metric) for number, metric in enumerate(metrics)],
        StartTime=day_start(now.date()),
        EndTime=now,
    ):
        for result in page["MetricDataResults"]:
            # `PartialData` is followed by the rest on the next page.
            if result.get("StatusCode", "Complete") == "Complete":
                answered.add(result["Id"])
            sums[result["Id"]] += sum((Decimal(str(value)) for value in result["Values"]), start=Decimal(0))
    if answered != sums.keys():
        raise ValueError(f"{len(sums.keys() - answered)} of {len(sums)} metrics are missing from the answer")
    return sums


def _metric_query(identifier: str, metric: _CountedMetric) -> dict[str, Any]:
    return {
        "Id": identifier,
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": metric.dimension, "Value": metric.value}],
            },
            "Period": _DAY_SECONDS,
            "Stat": "Sum",
        },
    }
