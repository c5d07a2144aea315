"""Prices of AWS services by region, from the snapshot in prices.json.

A price that is missing or stale is an error that names it, never zero.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_PRICE_DAYS = 400
"""Age in days beyond which a price is stale. AWS changes few list prices; spot prices follow trends over months:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-instances-history.html"""

GLOBAL = "global"
"""Prices that are the same in every region."""

Architecture = Literal["x86-64", "arm64"]
"""Processor architecture of a Lambda function."""

TokenKind = Literal["input", "output", "cache-read", "cache-write", "batch-input", "batch-output"]
"""Kinds of tokens that Bedrock charges for; a cache write is one that is kept for five minutes."""

TOKEN_KINDS: tuple[TokenKind, ...] = get_args(TokenKind)

_MODEL_ID = re.compile(
    r"^(?:arn:.*/)?(?:(?P<profile>[a-z]+(?:-gov)?)\.)?anthropic\.(?P<model>claude-[a-z0-9-]+?)(?:-\d{8})?(?:-v\d+)?(?::\d+\w*)*$"
)


class ServicePrice(StrEnum):
    """Prices of services that depend on the region alone, each for one unit; a month is a calendar month."""

    NAT_GATEWAY_HOUR = "vpc/nat-gateway/hour"
    NAT_GATEWAY_GB = "vpc/nat-gateway/gb"
    PUBLIC_IPV4_HOUR = "vpc/public-ipv4/hour"
    INTERNET_OUT_GB = "transfer/internet-out/gb"
    KMS_KEY_MONTH = "kms/key-month"
    KMS_REQUEST = "kms/request"
    S3_GB_MONTH = "s3/standard/gb-month"
    S3_WRITE_REQUEST = "s3/standard/write-request"
    S3_READ_REQUEST = "s3/standard/read-request"
    LOGS_INGESTED_GB = "cloudwatch/logs-ingested/gb"
    LOGS_STORED_GB_MONTH = "cloudwatch/logs-stored/gb-month"
    METRIC_MONTH = "cloudwatch/metric-month"
    METRIC_REQUESTED = "cloudwatch/metric-requested"
    ALARM_MONTH = "cloudwatch/alarm-month"
    DASHBOARD_MONTH = "cloudwatch/dashboard-month"
    CLOUDWATCH_REQUEST = "cloudwatch/request"
    LAMBDA_REQUEST = "lambda/request"
    EVENTBRIDGE_CUSTOM_EVENT = "eventbridge/custom-event"
    SCHEDULER_INVOCATION = "scheduler/invocation"
    DYNAMODB_WRITE = "dynamodb/write-request"
    DYNAMODB_READ = "dynamodb/read-request"
    DYNAMODB_GB_MONTH = "dynamodb/gb-month"
    SECRET_MONTH = "secrets-manager/secret-month"  # noqa: S105 — the name of a price
    SECRET_REQUEST = "secrets-manager/request"  # noqa: S105 — the name of a price
    SNS_REQUEST = "sns/request"
    SQS_REQUEST = "sqs/request"
    COST_EXPLORER_REQUEST = "cost-explorer/request"


class PriceError(LookupError):
    """A price that cannot be used; the message names it."""


class MissingPriceError(PriceError):
    """A price that the list does not have."""


class StalePriceError(PriceError):
    """A price whose source is too old."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """A price as its source states it.

    Attributes:
        usd: US dollars for `per` units.
        per: How many units that buys.
        unit: The unit, for people: hour, GB-month, token.
        source: URL, or the API that gave it.
        dated: Date of the source.
        stands_for: Region that the source is about if it is another, whose price is taken to be the same; or empty.
    """

    usd: Decimal
    per: int = 1
    unit: str
    source: str
    dated: date
    stands_for: str = ""

    @property
    def usd_per_unit(self) -> Decimal:
        """US dollars for one unit."""
        return self.usd / self.per


@dataclass(frozen=True, kw_only=True)
class PriceList:
    """The prices of one region.

    Attributes:
        region: Name of the AWS region.
        prices: Prices by name, those of every region among them.
        today: The day on which prices must not be stale; None: age does not matter.
    """

    region: str
    prices: Mapping[str, Price]
    today: date | None = None

    def find_price(self, name: str) -> Price:
        """Return a price by its name in the snapshot.

        Raises:
            MissingPriceError: There is none.
            StalePriceError: It is too old for `today`.
        """
        price = self.prices.get(name)
        if price is None:
            raise MissingPriceError(f"no price is known for {name} in {self.region}")
        if self.today is not None and self.today - price.dated > timedelta(days=MAX_PRICE_DAYS):
            raise StalePriceError(f"the price of {name} in {self.region} is of {price.dated}, and so too old")
        return price

    def ignoring_age(self) -> PriceList:
        """Return the same prices, whose age does not matter."""
        return replace(self, today=None)

    def service_price(self, name: ServicePrice) -> Decimal:
        """Return US dollars per unit of a service."""
        return self.find_price(name).usd_per_unit

    def on_demand_hour(self, instance_type: str) -> Decimal:
        """Return US dollars per hour of a Linux instance on demand."""
        return self.find_price(on_demand_name(instance_type)).usd_per_unit

    def spot_hour(self, instance_type: str) -> Decimal:
        """Return US dollars per hour of a Linux spot instance."""
        return self.find_price(spot_name(instance_type)).usd_per_unit

    def volume_gb_month(self, volume_type: str = "gp3") -> Decimal:
        """Return US dollars per month of a GB of a volume, without more throughput than is included."""
        return self.find_price(f"ebs/{volume_type}/gb-month").usd_per_unit

    def lambda_gb_second(self, architecture: Architecture) -> Decimal:
        """Return US dollars per GB-second of a Lambda function."""
        return self.find_price(f"lambda/{architecture}/gb-second").usd_per_unit

    def bedrock_token(self, model_id: str, kind: TokenKind) -> Decimal:
        """Return US dollars per token of a model, by the ID or ARN of a model or inference profile."""
        return self.find_price(token_name(model_id, kind)).usd_per_unit


def on_demand_name(instance_type: str) -> str:
    """Return the name of an instance type's price on demand."""
    return f"ec2/{instance_type}/on-demand"


def spot_name(instance_type: str) -> str:
    """Return the name of an instance type's spot price."""
    return f"ec2/{instance_type}/spot"


def token_name(model_id: str, kind: TokenKind) -> str:
    """Return the name of the price of a model's tokens.

    Raises:
        MissingPriceError: It is not an ID of one of Anthropic's models.
    """
    return f"bedrock/{model_name(model_id)}/{kind}"


def model_name(model_id: str) -> str:
    """Return a model's name and scope of price: a global inference profile costs less than all others.

    Raises:
        MissingPriceError: It is not an ID of one of Anthropic's models.
    """
    match = _MODEL_ID.match(model_id)
    if match is None:
        raise MissingPriceError(f"no price is known for the model {model_id}")
    scope = "global" if match["profile"] == "global" else "regional"
    return f"{match['model']}/{scope}"


def token_kind(name: str) -> TokenKind:
    """Return a kind of tokens by its name.

    Raises:
        MissingPriceError: Bedrock has no such kind.
    """
    found = next((kind for kind in TOKEN_KINDS if kind == name), None)
    if found is None:
        raise MissingPriceError(f"no price is known for {name} tokens")
    return found


def load_price_list(region: str, *, today: date | None = None) -> PriceList:
    """Return a region's prices from the committed snapshot.

    Args:
        region: Name of the AWS region.
        today: The day on which prices must not be stale; None: age does not matter.
    """
    text = resources.files("costs").joinpath("prices.json").read_text(encoding="utf-8")
    return parse_price_list(text, region, today=today)


def parse_price_list(text: str, region: str, *, today: date | None = None) -> PriceList:
    """Return a region's prices from the text of a snapshot.

    Raises:
        MissingPriceError: It has no prices of the region.
    """
    snapshot = json.loads(text)
    regions = snapshot["prices"]
    if region not in regions:
        raise MissingPriceError(f"no price is known for any service in {region}")
    entries = {**regions.get(GLOBAL, {}), **regions[region]}
    return PriceList(
        region=region,
        prices={name: _parse_price(entry, snapshot["sources"]) for name, entry in entries.items()},
        today=today,
    )


def _parse_price(entry: Mapping[str, Any], sources: Mapping[str, Mapping[str, str]]) -> Price:
    source = sources[entry["source"]]
    return Price(
        usd=Decimal(entry["usd"]),
        per=entry.get("per", 1),
        unit=entry["unit"],
        source=source["url"],
        dated=date.fromisoformat(source["date"]),
        stands_for=entry.get("stands_for", ""),
    )
