"""Zones that the account does not have are refused before the first resource, with those that it has."""

from __future__ import annotations

import boto3
import pytest
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

from infra.config.offered_zones import find_zone_problem
from infra.network.zones import default_zones
from tests.unit.infra.config.test_settings import problems, read

WITHOUT_DEFAULT_ZONES = {"us-west-1"}
"""An account has two zones there."""


def test_the_default_zones_are_three_that_the_region_has() -> None:
    regions: list[str] = boto3.session.Session().get_available_regions("ec2")

    assert len(regions) > 25
    for region in regions:
        offered = {zone.name for zone in RegionsAndZonesBackend.zones[region]}
        assert len(default_zones(region)) == (0 if region in WITHOUT_DEFAULT_ZONES else 3), region
        assert set(default_zones(region)) <= offered, region


@pytest.mark.parametrize("region", ["us-west-1", "eu-west-9"])
def test_a_region_without_three_known_zones_wants_them_set(region: str) -> None:
    [problem] = problems(aws__region=region)

    assert problem.key == "claudefs-infra:availabilityZones"
    assert f"must be set for the region {region}" in problem.allowed
    zones = [f"{region}a", f"{region}c", f"{region}d"]
    assert read(aws__region=region, availabilityZones=zones).network_zones == tuple(zones)


def test_zones_that_the_account_has_are_no_problem() -> None:
    zones = ("sa-east-1a", "sa-east-1c", "sa-east-1b")

    assert find_zone_problem("sa-east-1", zones, offered=["sa-east-1c", "sa-east-1a", "sa-east-1b"]) is None


def test_another_zone_takes_the_place_of_one_that_the_account_has_not() -> None:
    zones = ("sa-east-1b", "sa-east-1e", "sa-east-1a")
    offered = ["sa-east-1-bue-1a", "sa-east-1c", "sa-east-1b", "sa-east-1a"]

    problem = find_zone_problem("sa-east-1", zones, offered=offered)

    assert problem is not None
    assert "this account has no sa-east-1e; its zones in sa-east-1 are sa-east-1a, sa-east-1b, sa-east-1c" in str(
        problem
    )
    commands = [f"availabilityZones[{index}]' sa-east-1{letter}" for index, letter in enumerate("bac")]
    assert [command in problem.repair for command in commands] == [True] * 3


def test_an_account_with_two_zones_needs_another_region() -> None:
    zones = ("us-west-1a", "us-west-1b", "us-west-1c")

    problem = find_zone_problem("us-west-1", zones, offered=["us-west-1c", "us-west-1b"])

    assert problem is not None
    assert "needs 3: choose another region" in problem.allowed
    assert problem.repair == "pulumi config set aws:region REGION"
