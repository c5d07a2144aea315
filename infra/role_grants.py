"""All that the stack grants to the roles of its machines, runbooks and schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.access.identity import NODE_GRANTS, ORCHESTRATOR_GRANTS, RoleScope
from infra.access.policies import EVERYTHING
from infra.cluster import interruptions
from infra.orchestrator import hours as orchestrator_hours

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.access.policies import Statement
    from infra.scope import Scope


def stack_grants(scope: Scope) -> Iterator[Statement]:
    """Return every statement of these roles; the boundary is drawn around them."""
    # Which buckets, key and topic it is, a boundary leaves out.
    anything = "arn:aws:*"
    reach = RoleScope(
        scope=scope,
        artifact_bucket_arn=anything,
        cache_bucket_arn=anything,
        key_arn=anything,
        alert_topic_arn=anything,
    )
    for grants in (ORCHESTRATOR_GRANTS, NODE_GRANTS):
        for grant in grants.values():
            yield from grant(reach)
    for service_grant in interruptions.INTERRUPTION_GRANTS.values():
        yield from service_grant(scope)
    yield from orchestrator_hours.scheduler_grants(scope, instance_id=EVERYTHING, key_arn=anything)
