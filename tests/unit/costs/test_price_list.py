"""Prices: exact, by region, and an error that names one that is missing or stale, never zero."""

from __future__ import annotations

import ast
import json
import sys
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from costs.price_list import (
    MAX_PRICE_DAYS,
    MissingPriceError,
    PriceList,
    ServicePrice,
    StalePriceError,
    parse_price_list,
    token_name,
)

DATED = date(2026, 7, 20)
COSTS = Path(__file__).parents[3] / "costs"


def make_prices(today: date | None = None, **prices: dict[str, object]) -> PriceList:
    entries = {name.replace("__", "/").replace("_", "-"): {**price, "source": "a"} for name, price in prices.items()}
    snapshot = {
        "sources": {"a": {"url": "https://aws.example/", "date": str(DATED)}},
        "prices": {"us-west-2": entries, "global": {"kms/key-month": {"usd": "1", "unit": "month", "source": "a"}}},
    }
    return parse_price_list(json.dumps(snapshot), "us-west-2", today=today)


def test_a_price_is_exact_for_one_unit_and_names_its_source() -> None:
    prices = make_prices(s3__standard__write_request={"usd": "0.005", "per": 1000, "unit": "request"})

    assert prices.service_price(ServicePrice.S3_WRITE_REQUEST) == Decimal("0.000005")
    assert prices.service_price(ServicePrice.KMS_KEY_MONTH) == 1
    assert prices.find_price("s3/standard/write-request").source == "https://aws.example/"


def test_a_missing_price_is_an_error_that_names_it_and_the_region() -> None:
    with pytest.raises(MissingPriceError, match=r"ec2/x9\.large/spot in us-west-2"):
        make_prices().spot_hour("x9.large")
    with pytest.raises(MissingPriceError, match="mars-north-1"):
        parse_price_list(json.dumps({"sources": {}, "prices": {}}), "mars-north-1")


def test_a_stale_price_is_an_error_unless_its_age_does_not_matter() -> None:
    last_day = DATED + timedelta(days=MAX_PRICE_DAYS)

    assert make_prices(last_day).service_price(ServicePrice.KMS_KEY_MONTH) == 1
    stale = make_prices(last_day + timedelta(days=1))
    with pytest.raises(StalePriceError, match="kms/key-month in us-west-2 is of 2026-07-20"):
        stale.service_price(ServicePrice.KMS_KEY_MONTH)
    assert stale.ignoring_age().service_price(ServicePrice.KMS_KEY_MONTH) == 1


@pytest.mark.parametrize(
    "model_id, name",
    [
        ("anthropic.claude-opus-4-1-20250805-v1:0", "bedrock/claude-opus-4-1/regional/input"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "bedrock/claude-haiku-4-5/regional/input"),
        ("global.anthropic.claude-sonnet-4-6", "bedrock/claude-sonnet-4-6/global/input"),
        ("us.anthropic.claude-opus-4-6-v1", "bedrock/claude-opus-4-6/regional/input"),
        (
            "arn:aws:bedrock:us-west-2:111122223333:inference-profile/global.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "bedrock/claude-sonnet-4-5/global/input",
        ),
    ],
)
def test_a_models_price_is_found_by_each_form_of_its_id(model_id: str, name: str) -> None:
    assert token_name(model_id, "input") == name


def test_another_makers_model_has_no_price() -> None:
    with pytest.raises(MissingPriceError, match=r"meta\.llama3"):
        token_name("meta.llama3-70b-instruct-v1:0", "input")


def test_costs_imports_the_standard_library_alone() -> None:
    modules = sorted(COSTS.glob("*.py"))
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]  # type: ignore[union-attr]
        for module in modules
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert len(modules) >= 3
    assert imported <= sys.stdlib_module_names | {"costs"}
