"""A documented rule of AWS's API that the service models do not express."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Parameters = Mapping[str, Any]
"""Parameters of a request, by their names in AWS's API reference."""


@dataclass(frozen=True, kw_only=True)
class ApiRule:
    """A rule for one or more operations.

    Attributes:
        name: The rule, as a short statement.
        operations: Operations that it applies to, for example `ec2:CreateSecurityGroup`.
        code: AWS's error code.
        find_fault: Returns AWS's message for parameters that violate the rule, or "".
        source: URL of AWS's documentation of the rule.
        status: HTTP status of the refusal.
    """

    name: str
    operations: tuple[str, ...]
    code: str
    find_fault: Callable[[Parameters], str]
    source: str
    status: str = "400 Bad Request"
