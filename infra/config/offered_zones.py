"""Check with AWS, before anything is declared, that the account has the network's availability zones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi_aws as aws

from infra.config.problems import SettingProblem
from infra.config.program_settings import RejectedSettingsError
from infra.config.rules import set_zones_command
from infra.naming import CONFIG_NAMESPACE
from infra.network.zones import ZONE_COUNT

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from infra.config.settings import Settings


def require_offered_zones(settings: Settings) -> None:
    """Raise an error if the settings name availability zones that AWS does not offer the account.

    Raises:
        RejectedSettingsError: The account lacks one of the zones.
    """
    offered = aws.get_availability_zones().names
    problem = find_zone_problem(settings.region, settings.network_zones, offered=offered)
    if problem is not None:
        raise RejectedSettingsError([problem])


def find_zone_problem(region: str, zones: Sequence[str], *, offered: Collection[str]) -> SettingProblem | None:
    """Return the problem with the network's zones, or None if the account has them all.

    Args:
        region: The region.
        zones: The network's zones.
        offered: Zones that AWS offers the account in the region, possibly including Local and Wavelength Zones.
    """
    usable = sorted(zone for zone in offered if zone[:-1] == region)
    missing = [zone for zone in zones if zone not in usable]
    if not missing:
        return None
    kept = [zone for zone in zones if zone in usable]
    proposed = [*kept, *(zone for zone in usable if zone not in kept)][:ZONE_COUNT]
    has_enough = len(proposed) == ZONE_COUNT
    return SettingProblem(
        key=f"{CONFIG_NAMESPACE}:availabilityZones",
        value=", ".join(zones),
        allowed=(
            f"this account has no {' and no '.join(missing)}; its zones in {region} are {', '.join(usable) or 'none'}"
            + ("" if has_enough else f", and the network needs {ZONE_COUNT}: choose another region")
        ),
        repair=set_zones_command(proposed) if has_enough else "pulumi config set aws:region REGION",
    )
