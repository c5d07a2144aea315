"""All grants of the stack's roles for machines, runbooks and schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.access.machine_grants import NODE_GRANTS, ORCHESTRATOR_GRANTS
from infra.cluster.interruptions import INTERRUPTION_GRANTS
from infra.orchestrator.hours import scheduler_grants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.access.statements import Statement
    from infra.scope import SecuredScope


def stack_grants(scope: SecuredScope) -> Iterator[Statement]:
    """Return every statement granted to these roles; the permissions boundary is built from them."""
    for grant in (*ORCHESTRATOR_GRANTS.values(), *NODE_GRANTS.values(), *INTERRUPTION_GRANTS.values()):
        yield from grant(scope)
    yield from scheduler_grants(scope, instance_id="*")
