"""Which availability zones a stack uses, and which of them belong to which site. Arithmetic only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.tags import Site

ZONE_COUNT = 3
"""Zones of the network: two sites, and a majority that outlives the loss of any one zone."""


def choose_zones(region: str, chosen: Sequence[str]) -> tuple[str, ...]:
    """Return the chosen zones, or where none is chosen the region's first."""
    return tuple(chosen) or tuple(f"{region}{letter}" for letter in "abc"[:ZONE_COUNT])


def assign_zones_to_sites(
    zones: Sequence[str], *, site_a: Sequence[str], site_b: Sequence[str]
) -> Mapping[Site, tuple[str, ...]]:
    """Return the zones of each site.

    A site without zones of its own has those that the other one leaves. Where neither has any, site A gets the
    first and the last, since it is the larger one, and site B the one between.
    """
    if not site_a and not site_b:
        return {"A": (zones[0], zones[-1]), "B": tuple(zones[1:-1])}
    return {
        "A": tuple(site_a) or tuple(zone for zone in zones if zone not in site_b),
        "B": tuple(site_b) or tuple(zone for zone in zones if zone not in site_a),
    }
