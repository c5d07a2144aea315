"""Prices for the meter. One that is not known is replaced by the highest of its kind and reported, never by zero."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from costs.price_list import PriceError, PriceList, ServicePrice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from costs.price_list import TokenKind

MONTH_HOURS = Decimal(720)
"""Hours of a month of 30 days, so that a price per month is not underestimated:
https://aws.amazon.com/ebs/pricing/ bills by the second of the month at hand."""


def capacity_pool(instance_type: str, zone: str) -> str:
    """Return the name of a spot capacity pool."""
    return f"{instance_type} {zone}"


@dataclass
class Tariff:
    """The prices of a region, and those that were missed.

    Attributes:
        prices: The price list; the age of its prices does not matter here.
        missed: Messages about prices that are not known.
    """

    prices: PriceList
    missed: set[str] = field(default_factory=set)

    def instance_hour(self, instance_type: str, *, zone: str, is_spot: bool, spot: Mapping[str, Decimal]) -> Decimal:
        """Return US dollars per hour of an instance; on spot the current price if known, else the list's."""
        if is_spot:
            current = spot.get(capacity_pool(instance_type, zone))
            if current:
                return current
            listed = self._known_price(lambda: self.prices.spot_hour(instance_type))
            if listed is not None:
                return listed
        return self._find_price(lambda: self.prices.on_demand_hour(instance_type), prefix="ec2/", ending="/on-demand")

    def volume_hour(self, volume_type: str, gib: int) -> Decimal:
        """Return US dollars per hour of a volume."""
        month = self._find_price(lambda: self.prices.volume_gb_month(volume_type), prefix="ebs/", ending="/gb-month")
        return month * gib / MONTH_HOURS

    def token_price(self, model: str, kind: TokenKind) -> Decimal:
        """Return US dollars per token of a model."""
        return self._find_price(lambda: self.prices.bedrock_token(model, kind), prefix="bedrock/", ending=f"/{kind}")

    def service_price(self, price: ServicePrice) -> Decimal:
        """Return US dollars per unit of a service."""
        return self.prices.service_price(price)

    def _find_price(self, look_up: Callable[[], Decimal], *, prefix: str, ending: str) -> Decimal:
        try:
            return look_up()
        except PriceError as error:
            self.missed.add(f"{error}; the highest of its kind is assumed")
            alike = (name for name in self.prices.prices if name.startswith(prefix) and name.endswith(ending))
            return max(self.prices.find_price(name).usd_per_unit for name in alike)

    @staticmethod
    def _known_price(look_up: Callable[[], Decimal]) -> Decimal | None:
        try:
            return look_up()
        except PriceError:
            return None
