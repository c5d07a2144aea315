"""`cfs prices refresh`: writes AWS's current prices into the snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfs.prices.ec2_prices import current_spot_price, on_demand_price
from cfs.prices.service_prices import PRICED_USAGES, service_price
from cfs.prices.snapshot import NewPrice, merge_prices
from costs.price_list import on_demand_name, parse_price_list, spot_name
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from decimal import Decimal
    from pathlib import Path

    from cfs.aws import AwsAccount

SOURCE_URL = "https://api.pricing.us-east-1.amazonaws.com/"
"""AWS Price List API. Spot prices come from EC2's DescribeSpotPriceHistory.
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html"""


@dataclass(frozen=True, kw_only=True)
class PriceRefresh:
    """Outcome of a refresh.

    Attributes:
        prices: Prices that AWS shows.
        unknown: Names and regions of prices that AWS does not show; the snapshot keeps its own.
    """

    prices: Sequence[NewPrice]
    unknown: Sequence[str]


def refresh_prices(
    connect: Callable[[str], AwsAccount], regions: Sequence[str], *, types: Sequence[str], snapshot: Path, output: Path
) -> PriceRefresh:
    """Read the prices of regions, and write the snapshot with these prices to a file.

    Args:
        connect: Returns the account in a region.
        regions: Names of AWS regions.
        types: Instance types in addition to those that the snapshot has in each region.
        snapshot: File of the snapshot.
        output: File to write. The emulated account's placeholders must not be written to the snapshot itself.
    """
    text = snapshot.read_text(encoding="utf-8")
    prices: list[NewPrice] = []
    unknown: list[str] = []
    account = None
    for region in regions:
        account = connect(region)
        if account.is_emulated and output == snapshot:
            raise UserError(
                "The emulated account's prices are placeholders, which must not be written to the snapshot.",
                repair="give --environment of a real account, or another file to --output",
            )
        for price, name in _read_region(account, sorted({*types, *_known_types(text, region)})):
            if price is None:
                unknown.append(f"{name} in {region}")
            else:
                prices.append(price)
    if account is not None:
        today = account.clock().date()
        source = "placeholders" if account.is_emulated else "aws-price-list-api"
        output.write_text(merge_prices(text, prices, source=source, url=SOURCE_URL, dated=today), encoding="utf-8")
    return PriceRefresh(prices=prices, unknown=unknown)


def _read_region(aws: AwsAccount, types: Sequence[str]) -> Iterator[tuple[NewPrice | None, str]]:
    def make_price(name: str, usd: Decimal | None, unit: str) -> tuple[NewPrice | None, str]:
        found = None if usd is None else NewPrice(region=aws.region, name=name, usd=usd, unit=unit)
        return found, name

    for instance_type in types:
        yield make_price(on_demand_name(instance_type), on_demand_price(aws, instance_type), "hour")
        yield make_price(spot_name(instance_type), current_spot_price(aws, instance_type), "hour")
    for name, usage in PRICED_USAGES.items():
        yield make_price(name, service_price(aws, usage), usage.unit)


def _known_types(text: str, region: str) -> set[str]:
    try:
        names = parse_price_list(text, region).prices
    except LookupError:
        return set()
    return {name.split("/")[1] for name in names if name.startswith("ec2/")}
