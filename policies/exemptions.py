"""Exemptions from rules, each until a date, from exemptions.yaml."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from policies.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policies.model import PolicyRule, Violation

EXEMPTIONS_FILE = Path(__file__).with_name("exemptions.yaml")

WHOLE_STACK = "stack"
"""The resource of an exemption from a rule about the whole stack."""


class ExemptionError(ValueError):
    """An exemption that cannot be read; the message names it."""


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """An exemption of one resource from one rule.

    Attributes:
        rule: The rule's name.
        resource: The resource's name in the program, or `stack`.
        reason: Why the violation is accepted.
        expires: The last day on which it is.
    """

    rule: str
    resource: str
    reason: str
    expires: date


def parse_exemptions(text: str) -> tuple[Exemption, ...]:
    """Parse a file of exemptions.

    Raises:
        ExemptionError: An entry is incomplete, or names an unknown rule.
    """
    entries = (yaml.safe_load(text) or {}).get("exemptions") or []
    return tuple(map(_parse_entry, entries))


def _parse_entry(entry: object) -> Exemption:
    fields = {"rule", "resource", "reason", "expires"}
    if not isinstance(entry, dict) or entry.keys() != fields or not all(entry.values()):
        raise ExemptionError(f"An exemption needs {', '.join(sorted(fields))}, and nothing else: {entry}")
    if entry["rule"] not in {rule.name for rule in RULES}:
        raise ExemptionError(f"There is no rule {entry['rule']}: {entry}")
    if not isinstance(entry["expires"], date):
        raise ExemptionError(f"An exemption expires on a day such as 2027-01-31: {entry}")
    return Exemption(**entry)


def violation_message(
    rule: PolicyRule, violation: Violation, exemptions: Sequence[Exemption], *, today: date
) -> str | None:
    """Return what to report of a violation, or None if it is exempt today."""
    name = WHOLE_STACK if violation.resource is None else violation.resource.name
    found = [each for each in exemptions if (each.rule, each.resource) == (rule.name, name)]
    if any(today <= each.expires for each in found):
        return None
    expired = "".join(f" Its exemption expired on {each.expires} ({each.reason})." for each in found)
    problem = re.sub(r"\s+", " ", violation.problem)
    return f"{rule.name}: {problem}{expired}\nRepair: {rule.repair}"
