"""The roles that the stack makes for machines and services, by purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

HOURS_NAME: Final = "orchestrator-hours"
"""Purpose of the role that starts and stops the orchestrator, and the name of what belongs to its hours."""

GUARD_NAME: Final = "guard"
"""Purpose of the cost guard's role, and the name of what belongs to the guard."""

PASSED_ROLES: Mapping[str, str] = {
    "orchestrator": "ec2.amazonaws.com",
    "node": "ec2.amazonaws.com",
    "events": "events.amazonaws.com",
    "runbooks": "ssm.amazonaws.com",
    HOURS_NAME: "scheduler.amazonaws.com",
    GUARD_NAME: "lambda.amazonaws.com",
}
"""The roles that jobs may make and change, by purpose, each with the service that works under it."""

BoundaryPurpose = Literal["boundary", "guard-boundary"]
"""Permissions boundary of a role: that of machines, runbooks and schedules, or the cost guard's own."""

ROLE_BOUNDARIES: Mapping[str, BoundaryPurpose] = {
    purpose: "guard-boundary" if purpose == GUARD_NAME else "boundary" for purpose in PASSED_ROLES
}
"""The boundary that each role must bear, by purpose. One policy has no room for what the guard is allowed besides."""
