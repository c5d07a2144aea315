"""Rules between settings: what is right alone may be wrong beside another."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

from infra.zones import ZONE_COUNT, sites_of, zones_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from ipaddress import IPv6Network

NAMESPACE = "claudefs-infra"
"""The project's name in `Pulumi.yaml`, which prefixes its configuration keys."""


@dataclass(frozen=True, kw_only=True)
class Breach:
    """A rule that is broken.

    Attributes:
        setting: The setting to change, by its field's name.
        value: What it is, or None where it is not set.
        allowed: What would be right.
        index: Which entry of a list is wrong.
        example: A value that would be right, where the setting's usual one might not be.
        repair: The command that repairs it, where setting the example does not.
    """

    setting: str
    value: object
    allowed: str
    index: int | None = None
    example: str | None = None
    repair: str | None = None


def breaches(values: Mapping[str, Any]) -> Iterator[Breach]:
    """Find the broken rules among the settings that are right by themselves.

    Args:
        values: The settings by field name; a rule that wants one which is missing is not judged.
    """
    for reads, rule in _RULES:
        if all(name in values for name in reads):
            yield from rule(**{name: values[name] for name in reads})


def _remove(setting: str) -> str:
    return f"pulumi config rm {NAMESPACE}:{setting}"


def _zones_belong_to_region(*, region: str, availability_zones: Sequence[str]) -> Iterator[Breach]:
    for index, zone in enumerate(availability_zones):
        if zone[:-1] != region:
            yield Breach(
                setting="availability_zones",
                value=zone,
                allowed=f"must be a zone of the region {region}, such as {region}{'abc'[index % ZONE_COUNT]}",
                index=index,
                example=f"{region}{'abc'[index % ZONE_COUNT]}",
            )


def _zones_are_three(*, availability_zones: Sequence[str]) -> Iterator[Breach]:
    if len(availability_zones) not in (0, ZONE_COUNT):
        yield Breach(
            setting="availability_zones",
            value=", ".join(availability_zones),
            allowed=f"must be {ZONE_COUNT} zones, or none, so that they are the region's first {ZONE_COUNT}",
            repair=_remove("availabilityZones"),
        )


def _sites_share_out_zones(
    *, region: str, availability_zones: Sequence[str], site_a_zones: Sequence[str], site_b_zones: Sequence[str]
) -> Iterator[Breach]:
    zones = zones_of(region, availability_zones)
    if len(zones) != ZONE_COUNT:
        return
    strangers = False
    for setting, chosen in (("site_a_zones", site_a_zones), ("site_b_zones", site_b_zones)):
        for index, zone in enumerate(chosen):
            if zone not in zones:
                strangers = True
                yield Breach(
                    setting=setting,
                    value=zone,
                    allowed=f"must be one of the stack's availability zones, {', '.join(zones)}",
                    index=index,
                    example=zones[0],
                )
    sites = sites_of(zones, site_a=site_a_zones, site_b=site_b_zones)
    if not strangers and (sorted(sites["A"] + sites["B"]) != sorted(zones) or not all(sites.values())):
        yield Breach(
            setting="site_b_zones",
            value=", ".join(site_b_zones) or None,
            allowed=(
                f"each of {', '.join(zones)} must belong to one site, and each site have one; "
                f"site A has {', '.join(sites['A']) or 'none'}, site B {', '.join(sites['B']) or 'none'}"
            ),
            repair=f"{_remove('siteAZones')}; {_remove('siteBZones')}",
        )


def _month_is_no_less_than_day(*, daily_budget_usd: int, monthly_budget_usd: int) -> Iterator[Breach]:
    if monthly_budget_usd < daily_budget_usd:
        yield Breach(
            setting="monthly_budget_usd",
            value=monthly_budget_usd,
            allowed=f"must be no less than the day's budget, {daily_budget_usd} US dollars",
            example=str(daily_budget_usd * 30),
        )


def _admins_come_from_elsewhere(
    *, vpc_cidr: IPv4Network, admin_cidrs: Sequence[IPv4Network | IPv6Network]
) -> Iterator[Breach]:
    for index, network in enumerate(admin_cidrs):
        if isinstance(network, IPv4Network) and network.overlaps(vpc_cidr):
            yield Breach(
                setting="admin_cidrs",
                value=network,
                allowed=f"must lie outside the stack's own network {vpc_cidr}, whose nodes need no such rule",
                index=index,
            )


_RULES: tuple[tuple[tuple[str, ...], Callable[..., Iterator[Breach]]], ...] = (
    (("region", "availability_zones"), _zones_belong_to_region),
    (("availability_zones",), _zones_are_three),
    (("region", "availability_zones", "site_a_zones", "site_b_zones"), _sites_share_out_zones),
    (("daily_budget_usd", "monthly_budget_usd"), _month_is_no_less_than_day),
    (("vpc_cidr", "admin_cidrs"), _admins_come_from_elsewhere),
)
"""Each rule with the settings that it reads."""
