"""Checks whether AWS offers the declared instance types in the declared zones."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from cfs.checkup.quotas import declared_types
from cfs.doctor.findings import doubtful_finding, good_finding, wrong_finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from cfs.checkup.facts import EnvironmentFacts
    from cfs.doctor.findings import Finding
    from infra.config.settings import Settings

CHECK = "instance types"


def examine_instance_offers(facts: EnvironmentFacts) -> Iterator[Finding]:
    """Compare the settings' instance types and zones with AWS's offers."""
    settings = facts.settings
    offers: dict[str, set[str]] = defaultdict(set)
    for offer in facts.aws.list_items(
        "ec2",
        "describe_instance_type_offerings",
        "InstanceTypeOfferings",
        LocationType="availability-zone",
        Filters=[
            {"Name": "location", "Values": list(settings.network_zones)},
            {"Name": "instance-type", "Values": declared_types(settings)},
        ],
    ):
        offers[offer["Location"]].add(offer["InstanceType"])
    found = list(judge_instance_offers(settings, offers))
    yield from found or [
        good_finding(CHECK, f"Every zone of {', '.join(settings.network_zones)} has one of a group's.")
    ]


def judge_instance_offers(settings: Settings, offers: Mapping[str, Collection[str]]) -> Iterator[Finding]:
    """Yield a finding for each group, and for the orchestrator, that some of its zones cannot run.

    Args:
        settings: The settings.
        offers: Instance types that each zone offers.
    """
    zone = settings.zones_by_site["A"][0]
    if settings.orchestrator_instance_type not in offers.get(zone, ()):
        yield wrong_finding(
            CHECK,
            f"{zone} does not offer {settings.orchestrator_instance_type}, the orchestrator's.",
            repair=f"pulumi config set orchestratorInstanceType c7a.2xlarge --stack {settings.environment}",
        )
    for group in settings.all_node_groups:
        zones = settings.zones_by_site[group.site]
        lacking = [zone for zone in zones if not set(group.instance_types) & set(offers.get(zone, ()))]
        if not lacking:
            continue
        path = f"claudefs-infra:nodeGroups.{group.name}.instanceTypes[0]"
        offered = sorted({name for zone in zones for name in offers.get(zone, ())})
        judge = wrong_finding if len(lacking) == len(zones) else doubtful_finding
        yield judge(
            CHECK,
            f"{', '.join(lacking)} offers no instance type of {group.name}: {', '.join(group.instance_types)}.",
            repair=f"pulumi config set --path '{path}' {offered[0] if offered else 'TYPE'} "
            f"--stack {settings.environment}",
        )
