"""Spot prices in AWS's format. They are placeholders, not AWS's prices."""

from __future__ import annotations

from moto.core.responses import ActionResult
from moto.ec2.responses.spot_instances import SpotInstances

SPOT_PLACEHOLDER_USD = "0.030000"
"""Hourly spot price of every instance type in every zone."""

IN_FORCE_SINCE = "2020-01-01T00:00:00.000Z"


def close_spot_price_gaps() -> None:
    """Close the gaps of this service."""
    _describe_prices_of_linux()


def _describe_prices_of_linux() -> None:
    def describe_spot_price_history(self: SpotInstances) -> ActionResult:
        offers = self.ec2_backend.describe_spot_price_history(
            self._get_param("InstanceTypes", []), self._filters_from_querystring()
        )
        products = self._get_param("ProductDescriptions", []) or ["Linux/UNIX"]
        history = [
            {
                "InstanceType": offer["InstanceType"],
                "ProductDescription": product,
                "SpotPrice": SPOT_PLACEHOLDER_USD,
                "AvailabilityZone": offer["Location"],
                "Timestamp": IN_FORCE_SINCE,
            }
            for offer in offers
            for product in products
        ]
        return ActionResult({"SpotPriceHistory": history})

    SpotInstances.describe_spot_price_history = describe_spot_price_history
