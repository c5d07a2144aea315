"""The roles that the stack makes for machines and services, by purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

HOURS_NAME: Final = "orchestrator-hours"
"""Purpose of the role that starts and stops the orchestrator, and the name of what belongs to its hours."""

PASSED_ROLES: Mapping[str, str] = {
    "orchestrator": "ec2.amazonaws.com",
    "node": "ec2.amazonaws.com",
    "events": "events.amazonaws.com",
    "runbooks": "ssm.amazonaws.com",
    HOURS_NAME: "scheduler.amazonaws.com",
}
"""The roles that jobs may make and change, by purpose, each with the service that works under it."""
