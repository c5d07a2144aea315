"""Triggers of the cost guard: a schedule, and the budgets' alerts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_aws import cloudwatch, lambda_, sns

from infra.access.role_purposes import GUARD_NAME
from infra.component import Component
from infra.naming import EVENT_RULE, physical_name
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    import pulumi

    from infra.guard.function import GuardFunction
    from infra.stack_context import SecuredStack

SCHEDULE = "rate(5 minutes)"

SENDER_ATTRIBUTE = "sender"
"""Message attribute of the guard's own messages; the subscription filters them out, so they do not start the guard."""


@dataclass(frozen=True, kw_only=True)
class GuardTriggersArgs:
    """Inputs of the triggers.

    Attributes:
        stack: The stack.
        function: The guard's function.
        topic_arn: ARN of the alert topic.
    """

    stack: SecuredStack
    function: GuardFunction
    topic_arn: pulumi.Output[str]


class GuardTriggers(Component):
    """An EventBridge rule and a subscription, each with permission to invoke the function.

    Attributes:
        rule_name: Name of the rule.
    """

    rule_name: pulumi.Output[str]

    def __init__(self, name: str, *, args: GuardTriggersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the triggers."""
        super().__init__(name, opts=opts)
        self._args = args
        rule = cloudwatch.EventRule(
            "guard-schedule",
            name=physical_name(EVENT_RULE, PROJECT_NAME, args.stack.environment, GUARD_NAME),
            description="runs the cost guard",
            schedule_expression=SCHEDULE,
            tags=args.stack.tags.for_resource("guard-schedule", role="guard"),
            opts=self.child_options(),
        )
        scheduled = self._permit("schedule", "events.amazonaws.com", source=rule.arn)
        cloudwatch.EventTarget(
            "guard-schedule",
            rule=rule.name,
            target_id=GUARD_NAME,
            arn=args.function.arn,
            opts=self.child_options(depends_on=[scheduled]),
        )
        alerted = self._permit("alerts", "sns.amazonaws.com", source=args.topic_arn)
        sns.TopicSubscription(
            "guard-alerts",
            topic=args.topic_arn,
            protocol="lambda",
            endpoint=args.function.arn,
            filter_policy=json.dumps({SENDER_ATTRIBUTE: [{"exists": False}]}),
            opts=self.child_options(depends_on=[alerted]),
        )
        self.rule_name = rule.name
        self.register_declared_outputs()

    def _permit(self, name: str, service: str, *, source: pulumi.Output[str]) -> lambda_.Permission:
        """Declare the permission for a service to invoke the function on behalf of one source."""
        return lambda_.Permission(
            f"guard-{name}",
            statement_id=name,
            function=self._args.function.function_name,
            action="lambda:InvokeFunction",
            principal=service,
            source_arn=source,
            opts=self.child_options(),
        )
