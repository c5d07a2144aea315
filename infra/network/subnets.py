"""Addresses of the subnets. Arithmetic only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ipaddress import IPv4Network

    from infra.tags import Site

SUBNET_PREFIX_BITS = 4
"""A subnet is a sixteenth of the VPC: of a /16 4,096 addresses, of a /20 256, of which AWS keeps 5."""

FIRST_PUBLIC_SUBNET = 8
"""Private subnets are in the first half of the VPC, public ones in the second, so that either kind can grow."""


@dataclass(frozen=True, kw_only=True)
class ZoneSubnets:
    """The two subnets of one zone.

    Attributes:
        zone: The availability zone.
        site: The site that it belongs to.
        private: Addresses of the subnet without public addresses.
        public: Addresses of the subnet with a way to the internet of its own.
    """

    zone: str
    site: Site
    private: IPv4Network
    public: IPv4Network


def plan_subnets(
    network: IPv4Network, *, zones: Sequence[str], sites: Mapping[Site, Sequence[str]]
) -> tuple[ZoneSubnets, ...]:
    """Share the network out among zones.

    A zone's addresses depend on its place among the zones alone, so that a zone can change its site without a
    subnet being replaced.
    """
    blocks = list(network.subnets(prefixlen_diff=SUBNET_PREFIX_BITS))
    site_of = {zone: site for site, of_site in sites.items() for zone in of_site}
    return tuple(
        ZoneSubnets(zone=zone, site=site_of[zone], private=blocks[place], public=blocks[FIRST_PUBLIC_SUBNET + place])
        for place, zone in enumerate(zones)
    )
