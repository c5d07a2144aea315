"""Security groups: rules between groups, and descriptions that EC2 refuses."""

from __future__ import annotations

from typing import cast

from moto.ec2.models.security_groups import SecurityGroupRule


def close_security_group_gaps() -> None:
    """Close the gaps of security groups."""
    _describe_rules_between_groups()


def _describe_rules_between_groups() -> None:
    """Return the description of a rule with a group as source, and that group as one of the same account."""

    def description(self: SecurityGroupRule) -> str | None:
        return cast("str | None", self.ip_range.get("Description") or self.source_group.get("Description"))

    def referenced_group_info(self: SecurityGroupRule) -> dict[str, str] | None:
        # Omit the owner: the provider does not know the account here, and would take any owner for another account.
        return {"GroupId": self.source_group["GroupId"]} if self.source_group else None

    SecurityGroupRule.description = property(description)
    SecurityGroupRule.referenced_group_info = property(referenced_group_info)
