"""The required tags as a type, so no resource can be declared without them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from infra.texts import TAG_VALUE, check_text

REQUIRED_TAGS = ("project", "Name", "Environment", "Role", "Owner", "ManagedBy")
"""Keys that every taggable resource carries."""

PROJECT_NAME = "claudefs"
"""Value of the tag `project`. ClaudeFS's scripts filter on exactly this key and value; EC2 compares case."""

MANAGED_BY_TAG = "pulumi"
"""Value of the tag `ManagedBy`, which warns that the next deployment reverts manual changes."""

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
    "guard",
    "commands",
    "interruptions",
    "delivery",
]
"""Purpose of a resource: the tag `Role`. ClaudeFS's scripts select nodes by it."""

Site = Literal["A", "B"]
"""A ClaudeFS site; each site has its own availability zones."""


@dataclass(frozen=True, kw_only=True)
class Tags:
    """The tags of one stack's resources.

    Attributes:
        environment: The stack's name, such as `prod`; identifies the stack's resources in a shared account.
        owner: The team responsible for the resources.
        cost_center: Cost center for cost allocation; "" omits the tag.
    """

    environment: str
    owner: str
    cost_center: str = ""

    def for_resource(self, name: str, *, role: ResourceRole, site: Site | None = None) -> dict[str, str]:
        """Return the tags of one resource.

        Args:
            name: The resource's name, unique in its stack and type. It becomes the tag `Name`, which recovery uses
                to find a resource that an interrupted run created but did not record.
            role: The resource's purpose.
            site: The resource's site, or None if it belongs to no single site.

        Raises:
            InvalidTextError: A value is not valid for AWS.
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
