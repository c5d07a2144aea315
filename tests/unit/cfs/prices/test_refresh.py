"""`cfs prices refresh`: the snapshot gets AWS's prices, but never those of the emulated account."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from cfs.aws import AwsAccount
from cfs.prices import refresh
from cfs.prices.refresh import refresh_prices
from cfs.prices.service_prices import PricedUsage
from cfs.prices.snapshot import format_snapshot
from costs.price_list import ServicePrice, parse_price_list
from terminal.errors import UserError

PROJECT = Path(__file__).parents[4]
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
OLD = {
    "sources": {"old": {"url": "https://aws.example/", "date": "2025-01-01"}},
    "prices": {
        "us-west-2": {
            "ec2/c7a.xlarge/on-demand": {"usd": "9", "unit": "hour", "source": "old"},
            "kms/key-month": {"usd": "9", "unit": "month", "source": "old"},
        }
    },
}
USAGES = {
    ServicePrice.KMS_KEY_MONTH: PricedUsage(service="awskms", usage_type="KMS-Keys", unit="month"),
    ServicePrice.LAMBDA_REQUEST: PricedUsage(service="AWSLambda", usage_type="Request", unit="request"),
}


def product(usage_type: str, *tiers: tuple[str, str]) -> str:
    dimensions = {begin: {"beginRange": begin, "unit": "Hrs", "pricePerUnit": {"USD": usd}} for begin, usd in tiers}
    terms = {"OnDemand": {"term": {"priceDimensions": dimensions}}}
    return json.dumps({"product": {"attributes": {"usagetype": usage_type}}, "terms": terms})


def account(monkeypatch: pytest.MonkeyPatch, *answers: list[str], url: str | None = None) -> AwsAccount:
    """Return an account that answers GetProducts in order, and one call of DescribeSpotPriceHistory."""
    monkeypatch.setattr(refresh, "PRICED_USAGES", USAGES)
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-west-2")
    clients: dict[str, Any] = {"pricing": session.client("pricing", "us-east-1"), "ec2": session.client("ec2")}
    pricing, ec2 = Stubber(clients["pricing"]), Stubber(clients["ec2"])
    for answer in answers:
        pricing.add_response("get_products", {"PriceList": answer}, {"ServiceCode": ANY, "Filters": ANY})
    history = [
        {"InstanceType": "c7a.xlarge", "AvailabilityZone": zone, "SpotPrice": usd, "Timestamp": NOW}
        for zone, usd in (("us-west-2a", "0.08"), ("us-west-2b", "0.10"), ("us-west-2-lax-1a", "0.01"))
    ]
    ec2.add_response("describe_spot_price_history", {"SpotPriceHistory": history})
    pricing.activate()
    ec2.activate()
    return AwsAccount(session=session, url=url, clock=lambda: NOW, _clients=clients)


def test_aws_prices_replace_the_snapshots_and_prices_that_aws_does_not_show_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = tmp_path / "prices.json"
    snapshot.write_text(json.dumps(OLD))
    aws = account(
        monkeypatch,
        [product("USW2-BoxUsage:c7a.xlarge", ("0", "0.20528"))],
        [product("us-west-2-KMS-Keys", ("0", "7")), product("USW2-KMS-Keys", ("0", "0"), ("20000", "1.0"))],
        [],
    )

    done = refresh_prices(lambda _: aws, ["us-west-2"], types=[], snapshot=snapshot, output=snapshot)

    prices = parse_price_list(snapshot.read_text(), "us-west-2", today=NOW.date())
    assert prices.on_demand_hour("c7a.xlarge") == Decimal("0.20528")
    assert prices.spot_hour("c7a.xlarge") == Decimal("0.09")
    assert prices.service_price(ServicePrice.KMS_KEY_MONTH) == 1
    assert prices.find_price("kms/key-month").source.startswith("https://api.pricing.")
    assert done.unknown == ["lambda/request in us-west-2"]
    assert "old" not in json.loads(snapshot.read_text())["sources"]


def test_placeholders_of_the_emulated_account_are_not_written_to_the_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot, other = tmp_path / "prices.json", tmp_path / "other.json"
    snapshot.write_text(json.dumps(OLD))
    aws = account(monkeypatch, [], [], [], url="http://127.0.0.1:1")

    with pytest.raises(UserError, match="placeholders") as refused:
        refresh_prices(lambda _: aws, ["us-west-2"], types=[], snapshot=snapshot, output=snapshot)
    refresh_prices(lambda _: aws, ["us-west-2"], types=[], snapshot=snapshot, output=other)

    assert "--output" in refused.value.repair
    assert json.loads(snapshot.read_text()) == OLD
    assert "placeholders-2026-11-26" in json.loads(other.read_text())["sources"]


def test_the_committed_snapshot_is_written_as_a_refresh_would_write_it() -> None:
    text = (PROJECT / "costs" / "prices.json").read_text()

    assert format_snapshot(json.loads(text)) == text
