"""Prices of services from the Price List, with the usage type of each price in the snapshot."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from costs.price_list import ServicePrice

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cfs.aws import AwsAccount

_PREFIX = r"([A-Z]{2,4}[0-9]?-)?"
"""Region prefix of a usage type, such as `USW2-`; most usage types of us-east-1 have none:
https://docs.aws.amazon.com/cur/latest/userguide/Lineitem-columns.html"""


@dataclass(frozen=True, kw_only=True)
class PricedUsage:
    """Usage that AWS charges for.

    Attributes:
        service: Service code in the Price List.
        usage_type: Usage type without the region prefix.
        unit: Name of the unit, for people.
    """

    service: str
    usage_type: str
    unit: str


PRICED_USAGES: Mapping[str, PricedUsage] = {
    ServicePrice.NAT_GATEWAY_HOUR: PricedUsage(service="AmazonEC2", usage_type="NatGateway-Hours", unit="hour"),
    ServicePrice.NAT_GATEWAY_GB: PricedUsage(service="AmazonEC2", usage_type="NatGateway-Bytes", unit="GB"),
    ServicePrice.PUBLIC_IPV4_HOUR: PricedUsage(service="AmazonVPC", usage_type="PublicIPv4:InUseAddress", unit="hour"),
    ServicePrice.KMS_KEY_MONTH: PricedUsage(service="awskms", usage_type="KMS-Keys", unit="month"),
    ServicePrice.KMS_REQUEST: PricedUsage(service="awskms", usage_type="KMS-Requests", unit="request"),
    ServicePrice.S3_GB_MONTH: PricedUsage(service="AmazonS3", usage_type="TimedStorage-ByteHrs", unit="GB-month"),
    ServicePrice.S3_WRITE_REQUEST: PricedUsage(service="AmazonS3", usage_type="Requests-Tier1", unit="request"),
    ServicePrice.S3_READ_REQUEST: PricedUsage(service="AmazonS3", usage_type="Requests-Tier2", unit="request"),
    ServicePrice.LOGS_INGESTED_GB: PricedUsage(
        service="AmazonCloudWatch", usage_type="DataProcessing-Bytes", unit="GB"
    ),
    ServicePrice.LOGS_STORED_GB_MONTH: PricedUsage(
        service="AmazonCloudWatch", usage_type="TimedStorage-ByteHrs", unit="GB-month"
    ),
    ServicePrice.METRIC_MONTH: PricedUsage(
        service="AmazonCloudWatch", usage_type="CW:MetricMonitorUsage", unit="month"
    ),
    ServicePrice.METRIC_REQUESTED: PricedUsage(service="AmazonCloudWatch", usage_type="CW:GMD-Metrics", unit="metric"),
    ServicePrice.CLOUDWATCH_REQUEST: PricedUsage(service="AmazonCloudWatch", usage_type="CW:Requests", unit="request"),
    ServicePrice.ALARM_MONTH: PricedUsage(service="AmazonCloudWatch", usage_type="CW:AlarmMonitorUsage", unit="month"),
    ServicePrice.LAMBDA_REQUEST: PricedUsage(service="AWSLambda", usage_type="Request", unit="request"),
    "lambda/x86-64/gb-second": PricedUsage(service="AWSLambda", usage_type="Lambda-GB-Second", unit="GB-second"),
    "lambda/arm64/gb-second": PricedUsage(service="AWSLambda", usage_type="Lambda-GB-Second-ARM", unit="GB-second"),
    "ebs/gp3/gb-month": PricedUsage(service="AmazonEC2", usage_type="EBS:VolumeUsage.gp3", unit="GB-month"),
    ServicePrice.DYNAMODB_WRITE: PricedUsage(service="AmazonDynamoDB", usage_type="WriteRequestUnits", unit="request"),
    ServicePrice.DYNAMODB_READ: PricedUsage(service="AmazonDynamoDB", usage_type="ReadRequestUnits", unit="request"),
    ServicePrice.DYNAMODB_GB_MONTH: PricedUsage(
        service="AmazonDynamoDB", usage_type="TimedStorage-ByteHrs", unit="GB-month"
    ),
    ServicePrice.SECRET_MONTH: PricedUsage(
        service="AWSSecretsManager", usage_type="AWSSecretsManager-Secrets", unit="month"
    ),
    ServicePrice.SNS_REQUEST: PricedUsage(service="AmazonSNS", usage_type="Requests-Tier1", unit="request"),
    ServicePrice.SQS_REQUEST: PricedUsage(service="AWSQueueService", usage_type="Requests-Tier1", unit="request"),
}
"""Prices that a refresh reads, by name. AWS Marketplace sells Claude's tokens, so the Price List does not have them."""


def service_price(aws: AwsAccount, usage: PricedUsage) -> Decimal | None:
    """Return the Price List's price of one unit in the account's region, or None if it has none or several.

    If the price has tiers, this is the price of the first tier that is not free.
    """
    products = aws.list_items(
        "pricing",
        "get_products",
        "PriceList[]",
        ServiceCode=usage.service,
        Filters=[
            {"Type": "TERM_MATCH", "Field": "regionCode", "Value": aws.region},
            {"Type": "CONTAINS", "Field": "usagetype", "Value": usage.usage_type},
        ],
    )
    found = {usd for product in map(json.loads, map(str, products)) for usd in _matching_prices(product, usage)}
    return found.pop() if len(found) == 1 else None


def _matching_prices(product: Mapping[str, Any], usage: PricedUsage) -> Iterator[Decimal]:
    usage_type = product["product"]["attributes"].get("usagetype", "")
    if not re.fullmatch(_PREFIX + re.escape(usage.usage_type), usage_type):
        return
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        tiers = [
            (Decimal(dimension.get("beginRange", "0")), usd)
            for dimension in term["priceDimensions"].values()
            if (usd := Decimal(dimension["pricePerUnit"].get("USD", "0")))
        ]
        if tiers:
            yield min(tiers)[1]
