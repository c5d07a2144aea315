"""Availability zones of a stack and its sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.tags import Site

ZONE_COUNT = 3
"""Number of zones: enough for two sites, and for a majority that survives the loss of any zone."""

_REGIONS_WITH_ZONES_ABC = (
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-2",
)
_DEFAULT_LETTERS: Mapping[str, str] = {
    **dict.fromkeys(_REGIONS_WITH_ZONES_ABC, "abc"),
    # AWS gives new accounts no zone b in Tokyo and no zone c in Canada.
    "ap-northeast-1": "acd",
    "ca-central-1": "abd",
}
"""Letters of three zones that every account has in a region. us-west-1 is missing, since accounts have two zones there.

AWS publishes the IDs of a region's zones, but reveals their letters in an account only to that account:
https://docs.aws.amazon.com/global-infrastructure/latest/regions/az-ids.html"""


def default_zones(region: str) -> tuple[str, ...]:
    """Return a region's default zones, or none if no three zones are known that every account has."""
    return tuple(f"{region}{letter}" for letter in _DEFAULT_LETTERS.get(region, ""))


def choose_zones(region: str, chosen: Sequence[str]) -> tuple[str, ...]:
    """Return the chosen zones, or the region's default zones if none is chosen."""
    return tuple(chosen) or default_zones(region)


def assign_zones_to_sites(
    zones: Sequence[str], *, site_a: Sequence[str], site_b: Sequence[str]
) -> Mapping[Site, tuple[str, ...]]:
    """Return the zones of each site.

    A site without configured zones gets those that the other one does not use. If neither is configured, site A, the
    larger one, gets the first and the last zone, and site B the one in between.
    """
    if not site_a and not site_b:
        return {"A": (zones[0], zones[-1]), "B": tuple(zones[1:-1])}
    return {
        "A": tuple(site_a) or tuple(zone for zone in zones if zone not in site_b),
        "B": tuple(site_b) or tuple(zone for zone in zones if zone not in site_a),
    }
