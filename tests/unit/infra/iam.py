"""Policy documents evaluated as IAM evaluates them, without AWS."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Context = dict[str, str]
"""The condition keys of a request; several values of one are joined by commas."""


def permits(policy: str, action: str, resource: str, context: Context | None = None) -> bool:
    """Tell whether a document allows an action; this project's documents have only statements that allow."""
    return any(
        action in listed(said["Action"])
        and any(like(pattern, resource) for pattern in listed(said["Resource"]))
        and all(
            holds(operator, key, wanted, context or {})
            for operator, tests in said.get("Condition", {}).items()
            for key, wanted in tests.items()
        )
        for said in json.loads(policy)["Statement"]
    )


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def like(pattern: str, value: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), value) is not None


def holds(operator: str, key: str, wanted: str | list[str], context: Mapping[str, str]) -> bool:
    values = [re.sub(r"\$\{([\w:]+)\}", lambda found: context.get(found[1], "?"), value) for value in listed(wanted)]
    if operator == "Null":
        return (key not in context) is (values == ["true"])
    if operator == "ForAllValues:StringEquals":
        return key not in context or set(context[key].split(",")) <= set(values)
    if operator == "StringNotEquals":
        return context.get(key) not in values
    if key not in context:
        return False
    if operator in ("StringEquals", "Bool"):
        return context[key] in values
    assert operator in ("StringLike", "ArnLike")
    return any(like(value, context[key]) for value in values)
