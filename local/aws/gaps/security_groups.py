"""Security groups: rules between groups, and descriptions that EC2 refuses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from moto.ec2.exceptions import InvalidParameterValue
from moto.ec2.models.security_groups import SecurityGroupBackend, SecurityGroupRule
from moto.ec2.responses.security_groups import SecurityGroups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ACCEPTED = "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
"""Allowed characters of descriptions, as listed in EC2's error message."""

_DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")


def close_security_group_gaps() -> None:
    """Close the gaps of security groups."""
    _describe_rules_between_groups()
    _refuse_descriptions_of_groups()
    _refuse_descriptions_of_rules()
    _refuse_changed_descriptions()


def _describe_rules_between_groups() -> None:
    """Return the description of a rule with a group as source, and that group as one of the same account."""

    def description(self: SecurityGroupRule) -> str | None:
        return cast("str | None", self.ip_range.get("Description") or self.source_group.get("Description"))

    def referenced_group_info(self: SecurityGroupRule) -> dict[str, str] | None:
        # Omit the owner: the provider does not know the account here, and would take any owner for another account.
        return {"GroupId": self.source_group["GroupId"]} if self.source_group else None

    SecurityGroupRule.description = property(description)
    SecurityGroupRule.referenced_group_info = property(referenced_group_info)


def _refuse_descriptions_of_groups() -> None:
    create_security_group = SecurityGroupBackend.create_security_group

    def create_described_group(self: SecurityGroupBackend, name: str, description: str, **wanted: Any) -> Any:
        _require_accepted("security group", description)
        return create_security_group(self, name, description, **wanted)

    SecurityGroupBackend.create_security_group = create_described_group


def _refuse_descriptions_of_rules() -> None:
    """Refuse invalid descriptions in requests that authorize rules or update their descriptions."""
    read_rules: Callable[[SecurityGroups], Iterator[dict[str, Any]]] = SecurityGroups._process_rules_from_querystring  # noqa: SLF001 — moto reads all rules here

    def read_described_rules(self: SecurityGroups) -> Iterator[dict[str, Any]]:
        for rule in read_rules(self):
            for source in (*rule["ip_ranges"], *rule["source_groups"], *rule["prefix_list_ids"]):
                _require_accepted("rule", source.get("Description"))
            yield rule

    SecurityGroups._process_rules_from_querystring = read_described_rules  # noqa: SLF001 — same reason


def _refuse_changed_descriptions() -> None:
    modify_rules = SecurityGroupBackend.modify_security_group_rules

    def modify_described_rules(self: SecurityGroupBackend, group_id: str, rules: dict[str, dict[str, Any]]) -> None:
        for rule in rules.values():
            _require_accepted("rule", rule.get("Description"))
        modify_rules(self, group_id, rules)

    SecurityGroupBackend.modify_security_group_rules = modify_described_rules


def _require_accepted(of: str, description: str | None) -> None:
    """Raise EC2's error for a description that it refuses.

    The message is EC2's: https://github.com/aws-cloudformation/cfn-lint/issues/173
    """
    if not _DESCRIPTION.fullmatch(description or ""):
        raise InvalidParameterValue(
            f"Invalid {of} description. Valid descriptions are strings less than 256 characters"
            f" from the following set: {ACCEPTED}"
        )
