"""Rules between settings: what is right alone may be wrong beside another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

from infra.clock_changes import COMING_YEARS, nearest_fit, similar_zones, unfit, zone_names
from infra.schedule import WEEKDAYS, Calendar, ScheduleError, actions
from infra.zones import ZONE_COUNT, sites_of, zones_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date, time
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


def _time_zone_is_known(*, schedule_time_zone: str) -> Iterator[Breach]:
    if schedule_time_zone not in zone_names():
        similar = similar_zones(schedule_time_zone)
        meant = f"; did you mean {' or '.join(similar)}?" if similar else ", such as America/Los_Angeles"
        yield Breach(
            setting="schedule_time_zone",
            value=schedule_time_zone,
            allowed=f"must be the canonical name of an IANA time zone, since AWS takes no other{meant}",
            example=similar[0] if similar else None,
        )


def _times_occur_once_a_day(*, schedule_time_zone: str, schedule_start: time, schedule_stop: time) -> Iterator[Breach]:
    if schedule_time_zone not in zone_names():
        return
    today = datetime.now(UTC).date()
    for setting, at in (("schedule_start", schedule_start), ("schedule_stop", schedule_stop)):
        found = unfit(schedule_time_zone, at, since=today)
        if found is None:
            continue
        day, change = found
        fit = f"{nearest_fit(schedule_time_zone, at, since=today):%H:%M}"
        yield Breach(
            setting=setting,
            value=f"{at:%H:%M}",
            allowed=(
                f"{'does not exist' if change.skipped else 'occurs twice'} on {day} in {schedule_time_zone}, when the "
                f"clocks are changed; {fit} occurs once on every day of the next {COMING_YEARS} years"
            ),
            example=fit,
        )


EVENING = 18
"""The hour from which on a start is one for the night."""


def _start_and_stop_differ(*, schedule_start: time, schedule_stop: time) -> Iterator[Breach]:
    if schedule_start == schedule_stop:
        yield Breach(
            setting="schedule_stop",
            value=f"{schedule_stop:%H:%M}",
            allowed="must be another time than scheduleStart; an earlier one is on the next day",
            example="18:00" if schedule_start.hour < EVENING else "06:00",
        )


def _extra_days_would_not_start(*, holidays: Sequence[date], extra_days: Sequence[date]) -> Iterator[Breach]:
    for index, day in enumerate(extra_days):
        if day.weekday() < WEEKDAYS and day not in holidays:
            yield Breach(
                setting="extra_days",
                value=day,
                allowed=f"must be a Saturday, a Sunday or a holiday: it starts on a {day:%A} as it is",
                index=index,
                repair=f"pulumi config rm --path '{NAMESPACE}:extraDays[{index}]'",
            )


def _actions_fit_into_a_group(
    *,
    schedule_time_zone: str,
    schedule_start: time,
    schedule_stop: time,
    holidays: Sequence[date],
    extra_days: Sequence[date],
) -> Iterator[Breach]:
    if schedule_time_zone not in zone_names():
        return
    calendar = Calendar(
        time_zone=schedule_time_zone,
        start=schedule_start,
        stop=schedule_stop,
        holidays=frozenset(holidays),
        extra_days=frozenset(extra_days),
    )
    try:
        actions(calendar, now=datetime.now(UTC))
    except ScheduleError as error:
        yield Breach(setting="holidays", value=f"{len(holidays)} days", allowed=str(error), repair=_remove("holidays"))


def _hours_leave_the_address(*, orchestrator_hours: str, egress: str) -> Iterator[Breach]:
    if orchestrator_hours == "weekdays" and egress == "public-ip":
        yield Breach(
            setting="orchestrator_hours",
            value=orchestrator_hours,
            allowed=(
                'must be always with egress "public-ip": an instance gives its public address back when it is stopped, '
                "and the provider would replace it for that"
            ),
            example="always",
        )


_RULES: tuple[tuple[tuple[str, ...], Callable[..., Iterator[Breach]]], ...] = (
    (("region", "availability_zones"), _zones_belong_to_region),
    (("availability_zones",), _zones_are_three),
    (("region", "availability_zones", "site_a_zones", "site_b_zones"), _sites_share_out_zones),
    (("daily_budget_usd", "monthly_budget_usd"), _month_is_no_less_than_day),
    (("vpc_cidr", "admin_cidrs"), _admins_come_from_elsewhere),
    (("orchestrator_hours", "egress"), _hours_leave_the_address),
    (("schedule_time_zone",), _time_zone_is_known),
    (("schedule_time_zone", "schedule_start", "schedule_stop"), _times_occur_once_a_day),
    (("schedule_start", "schedule_stop"), _start_and_stop_differ),
    (("holidays", "extra_days"), _extra_days_would_not_start),
    (
        ("schedule_time_zone", "schedule_start", "schedule_stop", "holidays", "extra_days"),
        _actions_fit_into_a_group,
    ),
)
"""Each rule with the settings that it reads."""
