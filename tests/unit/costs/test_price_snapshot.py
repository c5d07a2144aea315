"""The committed prices: what the settings can name has one, each has a source, and texts that quote one agree."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from costs.price_list import TOKEN_KINDS, ServicePrice, load_price_list
from infra.config.agent_tokens import AGENT_TOKEN_KINDS
from infra.config.node_groups import ROLE_DEFAULTS

PROJECT = Path(__file__).parents[3]
HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0"
SNAPSHOT = json.loads((PROJECT / "costs" / "prices.json").read_text())
DECLARED = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"]
TYPES = {name for role in ROLE_DEFAULTS.values() for name in role.instance_types} | {
    DECLARED["claudefs-infra:orchestratorInstanceType"]["default"]
}


@pytest.mark.parametrize("region", ["us-west-2", "us-east-1"])
def test_whatever_the_settings_name_by_default_has_a_price(region: str) -> None:
    prices = load_price_list(region)

    assert len(TYPES) >= 18
    for name in TYPES:
        assert prices.on_demand_hour(name) > 0
    for role in ROLE_DEFAULTS.values():
        assert prices.spot_hour(role.instance_types[0]) < prices.on_demand_hour(role.instance_types[0])
    for service in ServicePrice:
        assert prices.service_price(service) > 0


def test_the_agents_models_have_a_price_for_each_kind_and_a_global_profile_costs_less() -> None:
    prices = load_price_list("us-west-2")

    assert AGENT_TOKEN_KINDS == TOKEN_KINDS
    for kind in ("input", "output", "cache-read", "cache-write", "batch-input", "batch-output"):
        regional = prices.bedrock_token("us.anthropic.claude-haiku-4-5-20251001-v1:0", kind)
        assert regional == prices.bedrock_token("global.anthropic.claude-haiku-4-5-20251001-v1:0", kind) * Decimal(
            "1.1"
        )
    for model in ("global.anthropic.claude-sonnet-4-6", "global.anthropic.claude-opus-4-6-v1"):
        assert prices.bedrock_token(model, "cache-read") < prices.bedrock_token(model, "input")


def test_every_price_has_a_source_with_its_address_and_date() -> None:
    entries = [entry for prices in SNAPSHOT["prices"].values() for entry in prices.values()]

    assert len(entries) > 250
    assert {entry["source"] for entry in entries} == SNAPSHOT["sources"].keys()
    for source in SNAPSHOT["sources"].values():
        assert source["url"].startswith("https://")
        assert date(2025, 1, 1) <= date.fromisoformat(source["date"])
    assert all(Decimal(entry["usd"]) > 0 and entry["unit"] for entry in entries)


def test_the_prices_that_a_settings_description_quotes_are_those_of_the_snapshot() -> None:
    prices = load_price_list("us-west-2")
    hour, gigabyte = (
        prices.service_price(name) for name in (ServicePrice.NAT_GATEWAY_HOUR, ServicePrice.NAT_GATEWAY_GB)
    )
    address = prices.service_price(ServicePrice.PUBLIC_IPV4_HOUR)
    text = " ".join(DECLARED["claudefs-infra:egress"]["description"].split())

    assert f"${(hour + address) * 24:.2f} a day (${hour} an hour and ${address} for its public IPv4 address)" in text
    assert f"${gigabyte} per GB" in text
    assert f"${address * 24:.2f} a day each (${address} an hour)" in text
