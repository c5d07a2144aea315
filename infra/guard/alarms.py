"""Alarms for a cost guard that does not run or that fails, and for a day over its budget."""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003 — Pulumi reads the annotations of components at run time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pulumi  # noqa: TC002 — as above

from infra.alarm_rule import AlarmRule, WatchedMetric
from infra.component import Component
from infra.guard.grants import METRIC_NAMESPACE
from infra.metric_alarm import declare_alarm

if TYPE_CHECKING:
    from infra.guard.function import GuardFunction
    from infra.stack_context import SecuredStack

ALARM_PERIOD = timedelta(minutes=15)
"""The time of three scheduled runs."""

FAILURES = 2
"""Failed runs in a period that raise the alarm. Lambda retries a failed run twice, and each attempt counts."""


@dataclass(frozen=True, kw_only=True)
class GuardAlarmsArgs:
    """Inputs of the alarms.

    Attributes:
        stack: The stack.
        function: The guard's function.
        topic_arn: ARN of the topic that the alarms notify.
        daily_usd: Daily budget in US dollars.
    """

    stack: SecuredStack
    function: GuardFunction
    topic_arn: pulumi.Output[str]
    daily_usd: int


class GuardAlarms(Component):
    """Two alarms on the function's Lambda metrics, which are free, and one on what the guard has metered.

    Attributes:
        arns: ARNs of the alarms.
    """

    arns: Sequence[pulumi.Output[str]]

    def __init__(self, name: str, *, args: GuardAlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the alarms."""
        super().__init__(name, opts=opts)
        rules = guard_rules(args.stack.environment, args.function.function_name, daily_usd=args.daily_usd)
        self.arns = [declare_alarm(self, rule, stack=args.stack, topic_arn=args.topic_arn).arn for rule in rules]
        self.register_declared_outputs()


def guard_rules(
    environment: str, function_name: pulumi.Input[str], *, daily_usd: int
) -> tuple[AlarmRule, AlarmRule, AlarmRule]:
    """Return the guard's alarms."""

    def runs(metric: str) -> WatchedMetric:
        return WatchedMetric(
            namespace="AWS/Lambda", name=metric, dimensions={"FunctionName": function_name}, statistic="Sum"
        )

    return (
        AlarmRule(
            name="guard-silent",
            runbook="guard-silent",
            summary="The cost guard has not run for 15 minutes: nothing stops what exceeds the day's budget",
            role="guard",
            metrics=(runs("Invocations"),),
            comparison="<",
            threshold=1,
            period=ALARM_PERIOD,
            missing="breaching",
        ),
        AlarmRule(
            name="guard-failing",
            runbook="guard-failing",
            summary="The cost guard has failed twice within 15 minutes",
            role="guard",
            metrics=(runs("Errors"),),
            threshold=FAILURES,
            period=ALARM_PERIOD,
        ),
        AlarmRule(
            name="over-budget",
            runbook="over-budget",
            summary=f"The environment has spent its daily budget of ${daily_usd}",
            role="guard",
            metrics=(
                WatchedMetric(
                    namespace=METRIC_NAMESPACE,
                    name="SpendUsd",
                    dimensions={"Environment": environment},
                    statistic="Maximum",
                ),
            ),
            threshold=daily_usd,
        ),
    )
