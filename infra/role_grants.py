"""All that the stack grants to the roles of its machines, runbooks and schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.access.machine_grants import NODE_GRANTS, ORCHESTRATOR_GRANTS
from infra.access.resource_scope import ResourceScope
from infra.cluster.interruptions import INTERRUPTION_GRANTS
from infra.orchestrator.hours import scheduler_grants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.access.statements import Statement
    from infra.scope import Scope


def stack_grants(scope: Scope) -> Iterator[Statement]:
    """Return every statement of these roles; the boundary is drawn around them."""
    # Which buckets, key and topic it is, a boundary leaves out.
    anything = "arn:aws:*"
    machines = ResourceScope(
        **vars(scope),
        vpc_id="*",
        key_arn=anything,
        alert_topic_arn=anything,
        state_bucket_arn=anything,
        artifact_bucket_arn=anything,
        cache_bucket_arn=anything,
    )
    for grant in (*ORCHESTRATOR_GRANTS.values(), *NODE_GRANTS.values()):
        yield from grant(machines)
    for service_grant in INTERRUPTION_GRANTS.values():
        yield from service_grant(scope)
    yield from scheduler_grants(scope, instance_id="*", key_arn=anything)
