"""Purposes of the roles that the stack creates for machines and services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

HOURS_NAME: Final = "orchestrator-hours"
"""Purpose of the role that starts and stops the orchestrator; also the name of the resources for its hours."""

GUARD_NAME: Final = "guard"
"""Purpose of the cost guard's role; also the name of its resources."""

PASSED_ROLES: Mapping[str, str] = {
    "orchestrator": "ec2.amazonaws.com",
    "node": "ec2.amazonaws.com",
    "events": "events.amazonaws.com",
    "runbooks": "ssm.amazonaws.com",
    HOURS_NAME: "scheduler.amazonaws.com",
    GUARD_NAME: "lambda.amazonaws.com",
}
"""Purposes of the roles that jobs may create and change, with the service that assumes each role."""

BoundaryPurpose = Literal["boundary", "guard-boundary"]
"""Name of a permissions boundary: `boundary` for machines, runbooks and schedules, `guard-boundary` for the guard."""

ROLE_BOUNDARIES: Mapping[str, BoundaryPurpose] = {
    purpose: "guard-boundary" if purpose == GUARD_NAME else "boundary" for purpose in PASSED_ROLES
}
"""Permissions boundary of each role, by purpose. The guard has its own, since all grants do not fit into one policy."""
