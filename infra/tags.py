"""Required tags as a type, so that no resource goes without them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from infra.texts import TAG_VALUE, check_text

REQUIRED_TAGS = ("project", "Name", "Environment", "Role", "Owner", "ManagedBy")
"""Keys that every taggable resource carries."""

PROJECT_NAME = "claudefs"
"""Value of the tag `project`. ClaudeFS's scripts filter on exactly this key and value; EC2 compares case."""

MANAGED_BY_TAG = "pulumi"
"""Value of the tag `ManagedBy`: who changes such a resource by hand loses the change at the next deployment."""

ResourceRole = Literal[
    "network",
    "encryption",
    "state",
    "artifacts",
    "build-cache",
    "orchestrator",
    "storage",
    "client",
    "conduit",
    "jepsen",
    "logs",
    "alerts",
    "commands",
    "interruptions",
    "delivery",
]
"""Purpose of a resource: the tag `Role`, by which ClaudeFS's scripts select nodes."""

Site = Literal["A", "B"]
"""A ClaudeFS site: nodes of one site share its availability zones."""


@dataclass(frozen=True, kw_only=True)
class Tags:
    """The tags of one stack's resources.

    Attributes:
        environment: The stack's name, such as `prod`; finds what a stack owns in a shared account.
        owner: The team that answers for the resources.
        cost_center: Who pays, for cost allocation; "" where nobody asks.
    """

    environment: str
    owner: str
    cost_center: str = ""

    def for_resource(self, name: str, *, role: ResourceRole, site: Site | None = None) -> dict[str, str]:
        """Return the tags of one resource.

        Args:
            name: The resource's name, unique in its stack and type; becomes the tag `Name`, by which a resource
                that a dead run has created but not recorded is found again.
            role: What the resource is for.
            site: The site that it belongs to, if to one alone.

        Raises:
            InvalidTextError: AWS would refuse a value.
        """
        tags = {
            "project": PROJECT_NAME,
            "Name": f"{PROJECT_NAME}-{self.environment}-{name}",
            "Environment": self.environment,
            "Role": role,
            "Owner": self.owner,
            "ManagedBy": MANAGED_BY_TAG,
        }
        if self.cost_center:
            tags["CostCenter"] = self.cost_center
        if site is not None:
            tags["Site"] = site
        return {key: check_text(TAG_VALUE, value) for key, value in tags.items()}
