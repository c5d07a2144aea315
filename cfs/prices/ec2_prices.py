"""Prices of EC2 instances: spot from the price history, on demand from the Price List.

A price that AWS does not show is omitted, never counted as zero.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from costs.price_list import MissingPriceError, load_price_list
from costs.running_costs import CapacityPool, KnownPrices, PriceStep

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from cfs.aws import AwsAccount

SPOT_PRODUCT = "Linux/UNIX"
"""The nodes' operating system in the price history's terms."""

_SPOT_DIGITS = Decimal("0.00001")

_TYPES_PER_CALL = 100
"""Instance types per call of DescribeSpotPriceHistory; AWS accepts at most 1000:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html"""

_ON_DEMAND_FILTERS = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}
"""Distinguish plain Linux on demand from other systems, reservations and licenses:
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html"""


def look_up_prices(
    aws: AwsAccount, *, spot: Collection[str], on_demand: Collection[str], since: datetime
) -> KnownPrices:
    """Look up spot prices of instance types in all zones since a time, and on-demand prices of other types.

    AWS includes the spot prices in force at `since`. An on-demand price that AWS does not show comes from the snapshot.
    """
    return KnownPrices(
        spot=_spot_prices(aws, sorted(spot), since=since),
        on_demand={name: usd for name in sorted(on_demand) if (usd := _known_on_demand_price(aws, name)) is not None},
    )


def current_spot_price(aws: AwsAccount, instance_type: str) -> Decimal | None:
    """Return the mean of the current spot prices in a region's zones, without local zones; None if there are none."""
    history = _spot_prices(aws, [instance_type], since=aws.clock())
    zones = [steps[-1].usd for pool, steps in history.items() if re.fullmatch(f"{aws.region}[a-z]", pool.zone)]
    return (sum(zones, Decimal(0)) / len(zones)).quantize(_SPOT_DIGITS) if zones else None


def _known_on_demand_price(aws: AwsAccount, instance_type: str) -> Decimal | None:
    usd = on_demand_price(aws, instance_type)
    if usd is None and not aws.is_emulated:
        with suppress(MissingPriceError):
            usd = load_price_list(aws.region).on_demand_hour(instance_type)
    return usd


def _spot_prices(aws: AwsAccount, types: list[str], *, since: datetime) -> Mapping[CapacityPool, tuple[PriceStep, ...]]:
    steps: defaultdict[CapacityPool, list[PriceStep]] = defaultdict(list)
    for start in range(0, len(types), _TYPES_PER_CALL):
        history = aws.list_items(
            "ec2",
            "describe_spot_price_history",
            "SpotPriceHistory[]",
            InstanceTypes=types[start : start + _TYPES_PER_CALL],
            ProductDescriptions=[SPOT_PRODUCT],
            StartTime=since,
            EndTime=aws.clock(),
        )
        for price in history:
            pool = CapacityPool(instance_type=price["InstanceType"], zone=price["AvailabilityZone"])
            steps[pool].append(PriceStep(since=price["Timestamp"].astimezone(UTC), usd=Decimal(price["SpotPrice"])))
    return {pool: tuple(sorted(prices, key=lambda step: step.since)) for pool, prices in steps.items()}


def on_demand_price(aws: AwsAccount, instance_type: str) -> Decimal | None:
    """Return the Price List's on-demand price per hour of plain Linux, or None if the list has none or several."""
    wanted = {**_ON_DEMAND_FILTERS, "instanceType": instance_type, "regionCode": aws.region}
    products = aws.list_items(
        "pricing",
        "get_products",
        "PriceList[]",
        ServiceCode="AmazonEC2",
        Filters=[{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()],
    )
    # A product is a string with JSON, despite the paginator's types.
    prices = {usd for product in products for usd in _hourly_prices(json.loads(str(product)))}
    # Several prices would mean that the filter is ambiguous.
    return prices.pop() if len(prices) == 1 else None


def _hourly_prices(product: Mapping[str, Any]) -> Iterable[Decimal]:
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            usd = Decimal(dimension["pricePerUnit"].get("USD", "0"))
            if dimension["unit"] == "Hrs" and usd:
                yield usd
