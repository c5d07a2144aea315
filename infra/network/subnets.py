"""IPv4 networks of the subnets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ipaddress import IPv4Network

    from infra.tags import Site

SUBNET_PREFIX_BITS = 4
"""A subnet is a sixteenth of the VPC: 4,096 addresses of a /16, 256 of a /20; AWS reserves 5 of each subnet."""

FIRST_PUBLIC_SUBNET = 8
"""Index of the first public subnet. Private subnets use the first half of the VPC, public ones the second, so both
can grow."""


@dataclass(frozen=True, kw_only=True)
class ZoneSubnets:
    """The two subnets of one zone.

    Attributes:
        zone: The availability zone.
        site: Site of the zone.
        private: IPv4 network of the private subnet.
        public: IPv4 network of the public subnet, which has a route to the internet gateway.
    """

    zone: str
    site: Site
    private: IPv4Network
    public: IPv4Network


def plan_subnets(
    network: IPv4Network, *, zones: Sequence[str], sites: Mapping[Site, Sequence[str]]
) -> tuple[ZoneSubnets, ...]:
    """Divide the network among zones.

    A zone's addresses depend only on its index among the zones, so moving a zone to the other site does not replace
    its subnets.
    """
    blocks = list(network.subnets(prefixlen_diff=SUBNET_PREFIX_BITS))
    site_of = {zone: site for site, of_site in sites.items() for zone in of_site}
    return tuple(
        ZoneSubnets(zone=zone, site=site_of[zone], private=blocks[place], public=blocks[FIRST_PUBLIC_SUBNET + place])
        for place, zone in enumerate(zones)
    )
