"""All checks of an environment, and the phases of its activation that need them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfs.checkup.boot_secrets import examine_boot_secrets
from cfs.checkup.budget_alerts import examine_alert_topic, examine_budget
from cfs.checkup.deployment import examine_backend, examine_versions
from cfs.checkup.firewall_rules import examine_firewall
from cfs.checkup.identity import examine_account
from cfs.checkup.images import examine_images
from cfs.checkup.instance_offers import examine_instance_offers
from cfs.checkup.models import examine_models
from cfs.checkup.quotas import examine_quotas
from cfs.checkup.required_tags import examine_required_tags
from cfs.checkup.roles import examine_roles
from cfs.checkup.run_state import examine_alarms, examine_locks, examine_release
from cfs.checkup.state_storage import examine_state_storage
from cfs.checkup.suspensions import examine_suspensions
from cfs.doctor.cost_tags import examine_cost_tags
from cfs.doctor.preflight import examine_github

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cfs.checkup.facts import EnvironmentFacts
    from cfs.doctor.findings import Finding

ACTIVATION_PHASES: Mapping[int, str] = {
    1: "before the first deployment",
    2: "the workflow files are pushed",
    3: "the first CI run",
    4: "the full test suite on the cluster",
    5: "a release, and a deployment to staging",
}
"""Phases of an environment's activation, by number."""


@dataclass(frozen=True, kw_only=True)
class EnvironmentCheck:
    """A check of an environment.

    Attributes:
        name: Name for people.
        phases: Phases that need it.
        examine: Makes AWS calls and returns findings; an error becomes a doubtful finding.
    """

    name: str
    phases: tuple[int, ...]
    examine: Callable[[EnvironmentFacts], Iterable[Finding]]


CHECKS = (
    EnvironmentCheck(name="account", phases=(1, 2, 3, 4, 5), examine=examine_account),
    EnvironmentCheck(name="quotas", phases=(1, 4), examine=examine_quotas),
    EnvironmentCheck(name="instance types", phases=(1, 4), examine=examine_instance_offers),
    EnvironmentCheck(name="images", phases=(1, 4), examine=examine_images),
    EnvironmentCheck(name="secrets", phases=(1,), examine=examine_boot_secrets),
    EnvironmentCheck(name="models", phases=(1, 4), examine=examine_models),
    EnvironmentCheck(name="state storage", phases=(1, 2, 5), examine=examine_state_storage),
    EnvironmentCheck(name="backend", phases=(1, 2, 5), examine=examine_backend),
    EnvironmentCheck(name="versions", phases=(1, 5), examine=examine_versions),
    EnvironmentCheck(name="github", phases=(1, 2, 3, 5), examine=lambda facts: examine_github(facts.name)),
    EnvironmentCheck(name="lock", phases=(2, 5), examine=examine_locks),
    EnvironmentCheck(name="roles", phases=(2, 3, 5), examine=examine_roles),
    EnvironmentCheck(name="budget", phases=(1, 4, 5), examine=examine_budget),
    EnvironmentCheck(name="alert topic", phases=(4, 5), examine=examine_alert_topic),
    EnvironmentCheck(name="firewall", phases=(4, 5), examine=examine_firewall),
    EnvironmentCheck(name="tags", phases=(4, 5), examine=examine_required_tags),
    EnvironmentCheck(name="schedules", phases=(4, 5), examine=examine_suspensions),
    EnvironmentCheck(name="alarms", phases=(4, 5), examine=examine_alarms),
    EnvironmentCheck(name="release", phases=(5,), examine=examine_release),
    EnvironmentCheck(name="cost tags", phases=(5,), examine=lambda facts: examine_cost_tags(facts.aws)),
)
"""All checks, in the order of the report."""


def phase_checks(phase: int | None) -> list[EnvironmentCheck]:
    """Return the checks of a phase, or all."""
    return [check for check in CHECKS if phase is None or phase in check.phases]
