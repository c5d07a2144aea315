"""The cost guard: its boundary, state, function, triggers, alarms, and the monitor of anomalies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.access.boundary import Boundary, BoundaryArgs
from infra.config.guard_steps import resolve_steps
from infra.guard.alarms import GuardAlarms, GuardAlarmsArgs
from infra.guard.anomalies import CostAnomalies, CostAnomaliesArgs
from infra.guard.function import GuardFunction, GuardFunctionArgs
from infra.guard.grants import guard_grants
from infra.guard.state import GuardState, GuardStateArgs
from infra.guard.triggers import GuardTriggers, GuardTriggersArgs

if TYPE_CHECKING:
    import pulumi

    from infra.config.settings import Settings
    from infra.stack_context import SecuredStack


@dataclass(frozen=True, kw_only=True)
class CostGuard:
    """Components of the cost guard.

    Attributes:
        state: Its ledger and parameters.
        function: Its Lambda function.
        alarms: Alarms about the guard itself.
    """

    state: GuardState
    function: GuardFunction
    alarms: GuardAlarms


def declare_cost_guard(
    settings: Settings, *, stack: SecuredStack, topic_arn: pulumi.Output[str], orchestrator_id: pulumi.Output[str]
) -> CostGuard:
    """Declare the cost guard.

    Args:
        settings: The stack's settings.
        stack: The stack.
        topic_arn: ARN of the topic that it listens and publishes to.
        orchestrator_id: ID of the orchestrator's instance.
    """
    boundary = Boundary(
        "guard-boundary",
        args=BoundaryArgs(
            stack=stack,
            key_arn=stack.key_arn,
            purpose="guard-boundary",
            description="The most that ClaudeFS's cost guard can be allowed",
            statements=guard_grants,
        ),
    )
    state = GuardState("guard-state", args=GuardStateArgs(stack=stack))
    function = GuardFunction(
        "guard-function",
        args=GuardFunctionArgs(
            stack=stack,
            boundary_arn=boundary.arn,
            state=state,
            topic_arn=topic_arn,
            orchestrator_id=orchestrator_id,
            daily_usd=settings.daily_budget_usd,
            steps=resolve_steps(settings.guard_steps),
            stops_orchestrator=settings.guard_stops_orchestrator,
            dry_run=settings.guard_dry_run,
        ),
    )
    GuardTriggers("guard-triggers", args=GuardTriggersArgs(stack=stack, function=function, topic_arn=topic_arn))
    CostAnomalies("anomalies", args=CostAnomaliesArgs(stack=stack, topic_arn=topic_arn))
    alarms = GuardAlarms(
        "guard-alarms",
        args=GuardAlarmsArgs(stack=stack, function=function, topic_arn=topic_arn, daily_usd=settings.daily_budget_usd),
    )
    return CostGuard(state=state, function=function, alarms=alarms)
