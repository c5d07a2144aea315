"""Rules between settings: values that are valid alone may be invalid in combination."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from inspect import signature
from ipaddress import IPv4Network
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from infra.config import pins
from infra.config.breaches import RuleBreach, removal_command
from infra.config.guard_steps import resolve_steps
from infra.config.local_disks import LOCAL_NVME_GB, MIN_STORAGE_GB, storage_instance_types
from infra.config.node_groups import DEFAULT_GROUP_NAMES, MAX_NODE_GROUPS, resolve_node_groups
from infra.naming import CONFIG_NAMESPACE
from infra.network.subnets import plan_subnets
from infra.network.zones import ZONE_COUNT, assign_zones_to_sites, choose_zones, default_zones
from infra.schedules.clock_changes import CHECKED_YEARS, first_unfit_day, nearest_fit_time, similar_zones, zone_names
from infra.schedules.schedule import Calendar, ScheduleError, calendar_actions
from infra.schedules.weekdays import WORKING_DAYS, Weekday

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date, time
    from ipaddress import IPv6Network

    from infra.config.guard_steps import GuardStep
    from infra.config.node_groups import NodeGroup, NodeGroupChange

MAX_REVIEWERS = 6
"""https://docs.github.com/en/rest/deployments/environments#create-or-update-an-environment"""


def find_breaches(values: Mapping[str, Any]) -> Iterator[RuleBreach]:
    """Return the violations of rules between settings.

    Args:
        values: Valid settings by field name; a rule that reads a missing one is skipped.
    """
    known = {**values, **_derived_values(values)}
    for rule in _RULES:
        reads = _read_settings(rule)
        if known.keys() >= reads:
            yield from rule(**{name: known[name] for name in reads})


@cache
def _read_settings(rule: Callable[..., Iterator[RuleBreach]]) -> frozenset[str]:
    """Return the names of the values that a rule takes."""
    return frozenset(signature(rule).parameters)


def _derived_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values that several rules read, if the settings they depend on are valid: zones, groups, time zone."""
    derived: dict[str, Any] = {}
    if values.keys() >= {"region", "availability_zones"}:
        zones = choose_zones(values["region"], values["availability_zones"])
        if len(zones) == ZONE_COUNT:
            derived["zones"] = zones
    if values.keys() >= {"cluster_size", "node_groups"}:
        derived["groups"] = resolve_node_groups(values["cluster_size"], values["node_groups"])
    if values.get("schedule_time_zone") in zone_names():
        derived["known_time_zone"] = values["schedule_time_zone"]
    return derived


def _removal_command(setting: str, *path: str | int) -> str:
    return removal_command(f"{CONFIG_NAMESPACE}:{setting}", *path)


def set_zones_command(zones: Sequence[str]) -> str:
    """Return the commands that set the network's zones."""
    key = f"{CONFIG_NAMESPACE}:availabilityZones"
    return "; ".join(f"pulumi config set --path '{key}[{index}]' {zone}" for index, zone in enumerate(zones))


def _region_has_default_zones(*, region: str, availability_zones: Sequence[str]) -> Iterator[RuleBreach]:
    if not availability_zones and not default_zones(region):
        yield RuleBreach(
            setting="availability_zones",
            value=None,
            allowed=(
                f"must be set for the region {region}: no {ZONE_COUNT} zones are known that every account has there. "
                f"An account with fewer needs another region; aws ec2 describe-availability-zones --region {region} "
                "lists its zones"
            ),
            repair=(
                "pulumi config set aws:region us-west-2; or, with three zones that the account has, "
                + set_zones_command([f"{region}{letter}" for letter in "abc"])
            ),
        )


def _zones_belong_to_region(*, region: str, availability_zones: Sequence[str]) -> Iterator[RuleBreach]:
    examples = default_zones(region) or [f"{region}{letter}" for letter in "abc"]
    for index, zone in enumerate(availability_zones):
        if zone[:-1] != region:
            example = examples[index % ZONE_COUNT]
            yield RuleBreach(
                setting="availability_zones",
                value=zone,
                allowed=f"must be a zone of the region {region}, such as {example}",
                path=(index,),
                example=example,
            )


def _zones_are_three(*, availability_zones: Sequence[str]) -> Iterator[RuleBreach]:
    if len(availability_zones) not in (0, ZONE_COUNT):
        yield RuleBreach(
            setting="availability_zones",
            value=", ".join(availability_zones),
            allowed=f"must be {ZONE_COUNT} zones, or none for {ZONE_COUNT} zones that every account has",
            repair=_removal_command("availabilityZones"),
        )


def _sites_share_out_zones(
    *, zones: Sequence[str], site_a_zones: Sequence[str], site_b_zones: Sequence[str]
) -> Iterator[RuleBreach]:
    strangers = False
    for setting, chosen in (("site_a_zones", site_a_zones), ("site_b_zones", site_b_zones)):
        for index, zone in enumerate(chosen):
            if zone not in zones:
                strangers = True
                yield RuleBreach(
                    setting=setting,
                    value=zone,
                    allowed=f"must be one of the stack's availability zones, {', '.join(zones)}",
                    path=(index,),
                    example=zones[0],
                )
    sites = assign_zones_to_sites(zones, site_a=site_a_zones, site_b=site_b_zones)
    if not strangers and (sorted(sites["A"] + sites["B"]) != sorted(zones) or not all(sites.values())):
        yield RuleBreach(
            setting="site_b_zones",
            value=", ".join(site_b_zones) or None,
            allowed=(
                f"each of {', '.join(zones)} must belong to one site, and each site needs a zone; "
                f"site A has {', '.join(sites['A']) or 'none'}, site B {', '.join(sites['B']) or 'none'}"
            ),
            repair=f"{_removal_command('siteAZones')}; {_removal_command('siteBZones')}",
        )


def _month_is_no_less_than_day(*, daily_budget_usd: int, monthly_budget_usd: int) -> Iterator[RuleBreach]:
    if monthly_budget_usd < daily_budget_usd:
        yield RuleBreach(
            setting="monthly_budget_usd",
            value=monthly_budget_usd,
            allowed=f"must be no less than the day's budget, {daily_budget_usd} US dollars",
            example=str(daily_budget_usd * 30),
        )


def _guard_steps_rise(*, guard_steps: Mapping[GuardStep, int]) -> Iterator[RuleBreach]:
    for (before, low), (step, percent) in pairwise(resolve_steps(guard_steps).items()):
        if percent <= low:
            yield RuleBreach(
                setting="guard_steps",
                value=percent,
                allowed=f"must be more than the step before, {before} at {low} percent",
                path=(step,),
                example=str(low + 10),
            )


def _admins_come_from_elsewhere(
    *, vpc_cidr: IPv4Network, admin_cidrs: Sequence[IPv4Network | IPv6Network]
) -> Iterator[RuleBreach]:
    for index, network in enumerate(admin_cidrs):
        if isinstance(network, IPv4Network) and network.overlaps(vpc_cidr):
            yield RuleBreach(
                setting="admin_cidrs",
                value=network,
                allowed=f"must be outside the stack's own network {vpc_cidr}, whose nodes need no such rule",
                path=(index,),
            )


def _time_zone_is_known(*, schedule_time_zone: str) -> Iterator[RuleBreach]:
    if schedule_time_zone not in zone_names():
        similar = similar_zones(schedule_time_zone)
        meant = f"; did you mean {' or '.join(similar)}?" if similar else ", such as America/Los_Angeles"
        yield RuleBreach(
            setting="schedule_time_zone",
            value=schedule_time_zone,
            allowed=f"must be the canonical name of an IANA time zone, since AWS accepts no other{meant}",
            example=similar[0] if similar else None,
        )


def _times_occur_once_a_day(*, known_time_zone: str, schedule_start: time, schedule_stop: time) -> Iterator[RuleBreach]:
    for setting, at in (("schedule_start", schedule_start), ("schedule_stop", schedule_stop)):
        yield from _occurs_once_a_day(known_time_zone, at, setting=setting)


def _occurs_once_a_day(zone: str, at: time, *, setting: str, path: tuple[str, ...] = ()) -> Iterator[RuleBreach]:
    today = datetime.now(UTC).date()
    found = first_unfit_day(zone, at, since=today)
    if found is not None:
        day, change = found
        fit = f"{nearest_fit_time(zone, at, since=today):%H:%M}"
        yield RuleBreach(
            setting=setting,
            path=path,
            value=f"{at:%H:%M}",
            allowed=f"{'does not exist' if change.skips_times else 'occurs twice'} on {day} in {zone}, when the clocks "
            f"change; {fit} occurs once on every day of the next {CHECKED_YEARS} years",
            example=fit,
        )


EVENING_HOUR = 18
"""Hour from which a time counts as evening: a suggested stop is then the next morning."""


def _start_and_stop_differ(*, schedule_start: time, schedule_stop: time) -> Iterator[RuleBreach]:
    if schedule_start == schedule_stop:
        yield _stop_breach(schedule_stop, "scheduleStart", setting="schedule_stop")


def _stop_breach(stop: time, start: str, *, setting: str, path: tuple[str, ...] = ()) -> RuleBreach:
    return RuleBreach(
        setting=setting,
        path=path,
        value=f"{stop:%H:%M}",
        allowed=f"must differ from {start}; an earlier time is on the next day",
        example="18:00" if stop.hour < EVENING_HOUR else "06:00",
    )


def _extra_days_are_needed(*, holidays: Sequence[date], extra_days: Sequence[date]) -> Iterator[RuleBreach]:
    days_off = ", ".join(f"a {day.name.capitalize()}" for day in Weekday if day not in WORKING_DAYS)
    for index, day in enumerate(extra_days):
        if Weekday.of(day) in WORKING_DAYS and day not in holidays:
            yield RuleBreach(
                setting="extra_days",
                value=day,
                allowed=f"must be {days_off} or a holiday: nodes start on a {Weekday.of(day).name.capitalize()} anyway",
                path=(index,),
                repair=_removal_command("extraDays", index),
            )


def _actions_fit_into_a_group(
    *,
    known_time_zone: str,
    schedule_start: time,
    schedule_stop: time,
    holidays: Sequence[date],
    extra_days: Sequence[date],
) -> Iterator[RuleBreach]:
    calendar = Calendar(
        time_zone=known_time_zone,
        start=schedule_start,
        stop=schedule_stop,
        holidays=frozenset(holidays),
        extra_days=frozenset(extra_days),
    )
    try:
        calendar_actions(calendar, now=datetime.now(UTC))
    except ScheduleError as error:
        yield RuleBreach(
            setting="holidays", value=f"{len(holidays)} days", allowed=str(error), repair=_removal_command("holidays")
        )


def _hours_leave_the_address(*, orchestrator_hours: str, egress: str) -> Iterator[RuleBreach]:
    if orchestrator_hours == "weekdays" and egress == "public-ip":
        yield RuleBreach(
            setting="orchestrator_hours",
            value=orchestrator_hours,
            allowed=(
                'must be always with egress "public-ip": an instance loses its public address when it is stopped, '
                "and the provider would then replace the instance"
            ),
            example="always",
        )


def _groups_are_complete(*, node_groups: Mapping[str, NodeGroupChange]) -> Iterator[RuleBreach]:
    for name, change in node_groups.items():
        if name in DEFAULT_GROUP_NAMES:
            if change.role is not None:
                yield RuleBreach(
                    setting="node_groups",
                    path=(name, "role"),
                    value=change.role,
                    allowed=f"the role of the default group {name} is fixed: disable it and add a group",
                    repair=_removal_command("nodeGroups", name, "role"),
                )
            continue
        for field, value in (("role", change.role), ("count", change.count)):
            if value is None:
                yield RuleBreach(
                    setting="node_groups",
                    path=(name, field),
                    value=None,
                    allowed=f"must be set for a new group; "
                    f"only the default groups need neither: {', '.join(DEFAULT_GROUP_NAMES)}",
                )


def _groups_fit_into_a_rule(*, groups: Sequence[NodeGroup]) -> Iterator[RuleBreach]:
    if len(groups) > MAX_NODE_GROUPS:
        yield RuleBreach(
            setting="node_groups",
            value=f"{len(groups)} groups",
            allowed=f"must be at most {MAX_NODE_GROUPS} with the default ones: an EventBridge rule names them all",
            repair=_removal_command("nodeGroups", groups[-1].name),
        )


def _storage_has_local_disks(*, groups: Sequence[NodeGroup]) -> Iterator[RuleBreach]:
    for group in groups:
        for place, type_ in enumerate(group.instance_types if group.role == "storage" else ()):
            size = LOCAL_NVME_GB.get(type_)
            if size is not None and size >= MIN_STORAGE_GB:
                continue
            has = "is not a known type with local NVMe" if size is None else f"has {size} GB of local NVMe"
            yield RuleBreach(
                setting="node_groups",
                path=(group.name, "instanceTypes", place),
                value=type_,
                allowed=f"{has}, and a storage node needs at least {MIN_STORAGE_GB} GB; "
                f"suitable types are {', '.join(storage_instance_types())}",
            )


def _own_hours_fit(
    *, known_time_zone: str, schedule_start: time, schedule_stop: time, node_groups: Mapping[str, NodeGroupChange]
) -> Iterator[RuleBreach]:
    for name, change in node_groups.items():
        for field, own in (("scheduleStart", change.schedule_start), ("scheduleStop", change.schedule_stop)):
            if own is not None and own != "none":
                yield from _occurs_once_a_day(known_time_zone, own, setting="node_groups", path=(name, field))
        stop = change.schedule_stop or schedule_stop
        if (change.schedule_start or schedule_start) == stop and (change.schedule_start or change.schedule_stop):
            yield _stop_breach(stop, "the group's start", setting="node_groups", path=(name, "scheduleStop"))


def _nodes_have_addresses(
    *,
    zones: Sequence[str],
    site_a_zones: Sequence[str],
    site_b_zones: Sequence[str],
    vpc_cidr: IPv4Network,
    groups: Sequence[NodeGroup],
) -> Iterator[RuleBreach]:
    sites = assign_zones_to_sites(zones, site_a=site_a_zones, site_b=site_b_zones)
    if sorted(sites["A"] + sites["B"]) != sorted(zones):
        return
    subnets = plan_subnets(vpc_cidr, zones=zones, sites=sites)
    for site in sites:
        room = sum(subnet.private.num_addresses - RESERVED_ADDRESSES for subnet in subnets if subnet.site == site)
        wanted = sum(group.max_nodes for group in groups if group.site == site)
        if wanted > room:
            yield RuleBreach(
                setting="vpc_cidr",
                value=vpc_cidr,
                allowed=f"the subnets of site {site} have {room} addresses, and its node groups {wanted} nodes: "
                "give the VPC more addresses, or the groups fewer nodes",
                example="10.0.0.0/16",
            )


RESERVED_ADDRESSES = 5
"""Addresses that AWS reserves in each subnet: https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html"""


def _secrets_of_the_repository_have_one_stack(
    *, manages_repository: bool, actions_secrets: Mapping[str, object]
) -> Iterator[RuleBreach]:
    if actions_secrets and not manages_repository:
        yield RuleBreach(
            setting="actions_secrets",
            value=", ".join(actions_secrets),
            allowed="belong to the stack that manages the repository; this stack's own secrets are environmentSecrets",
            repair=_removal_command("actionsSecrets"),
        )


def _reviewers_are_at_most_six(*, reviewer_users: Sequence[str], reviewer_teams: Sequence[str]) -> Iterator[RuleBreach]:
    if len(reviewer_users) + len(reviewer_teams) > MAX_REVIEWERS:
        yield RuleBreach(
            setting="reviewer_users",
            value=", ".join([*reviewer_users, *reviewer_teams]),
            allowed=f"GitHub allows at most {MAX_REVIEWERS} users and teams in total",
            repair=_removal_command("reviewerUsers"),
        )


def _approval_needs_reviewers(
    *,
    prevent_self_review: bool,
    previews_need_approval: bool,
    reviewer_users: Sequence[str],
    reviewer_teams: Sequence[str],
) -> Iterator[RuleBreach]:
    asked = {"prevent_self_review": prevent_self_review, "previews_need_approval": previews_need_approval}
    for setting in (name for name, value in asked.items() if value and not (reviewer_users or reviewer_teams)):
        yield RuleBreach(
            setting=setting,
            value="true",
            allowed="needs reviewerUsers or reviewerTeams: without reviewers GitHub asks nobody for approval",
            example="false",
        )


def _subject_names_the_repository(
    *, github_owner: str, github_repository: str, github_subject: str
) -> Iterator[RuleBreach]:
    named = re.sub(r"@[0-9]+", "", github_subject)
    if github_subject and named != f"repo:{github_owner}/{github_repository}":
        yield RuleBreach(
            setting="github_subject",
            value=github_subject,
            allowed=f"must name {github_owner}/{github_repository}; cfs doctor github shows the right value",
            example=f"repo:{github_owner}@1/{github_repository}@2",
        )


_RULES: tuple[Callable[..., Iterator[RuleBreach]], ...] = (
    _region_has_default_zones,
    _zones_belong_to_region,
    _zones_are_three,
    _sites_share_out_zones,
    _month_is_no_less_than_day,
    _guard_steps_rise,
    _admins_come_from_elsewhere,
    _hours_leave_the_address,
    _time_zone_is_known,
    _times_occur_once_a_day,
    _start_and_stop_differ,
    _extra_days_are_needed,
    _actions_fit_into_a_group,
    _groups_are_complete,
    _groups_fit_into_a_rule,
    _storage_has_local_disks,
    _own_hours_fit,
    _nodes_have_addresses,
    _secrets_of_the_repository_have_one_stack,
    _reviewers_are_at_most_six,
    _approval_needs_reviewers,
    _subject_names_the_repository,
    pins.owner_is_pinned,
    pins.github_address_is_pinned,
    pins.account_is_pinned,
    pins.s3_address_is_pinned,
)
"""All rules. The parameters of each name the settings and derived values that it reads."""
