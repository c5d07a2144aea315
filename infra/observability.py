"""The stack's alarms, and the dashboards that show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.alarms.alarms import Alarms, AlarmsArgs
from infra.dashboards.dashboards import Dashboards, DashboardsArgs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pulumi

    from infra.config.settings import Settings
    from infra.stack_context import SecuredStack


def declare_observability(
    settings: Settings,
    *,
    stack: SecuredStack,
    topic_arn: pulumi.Output[str],
    orchestrator_id: pulumi.Output[str],
    guard_alarm_arns: Sequence[pulumi.Output[str]],
) -> None:
    """Declare alarms and dashboards.

    Args:
        settings: The stack's settings.
        stack: The stack.
        topic_arn: ARN of the topic that alarms publish to.
        orchestrator_id: ID of the orchestrator's instance.
        guard_alarm_arns: ARNs of the cost guard's alarms, which the dashboards show too.
    """
    node_groups = [group.name for group in settings.all_node_groups]
    has_hours = settings.orchestrator_calendar is not None
    alarms = Alarms(
        "alarms",
        args=AlarmsArgs(
            stack=stack,
            topic_arn=topic_arn,
            orchestrator_id=orchestrator_id,
            has_orchestrator_hours=has_hours,
            node_groups=node_groups,
        ),
    )
    Dashboards(
        "dashboards",
        args=DashboardsArgs(
            stack=stack,
            orchestrator_id=orchestrator_id,
            has_orchestrator_hours=has_hours,
            node_groups=node_groups,
            daily_usd=settings.daily_budget_usd,
            alarm_arns=[*alarms.arns, *guard_alarm_arns],
        ),
    )
