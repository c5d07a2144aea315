"""Alarms for a cost guard that does not run or that fails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from pulumi_aws import cloudwatch

from infra.component import Component
from infra.naming import METRIC_ALARM, physical_name
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    import pulumi

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
    """

    stack: SecuredStack
    function: GuardFunction
    topic_arn: pulumi.Output[str]


class GuardAlarms(Component):
    """Two alarms on the function's Lambda metrics, which are free.

    Attributes:
        silent_alarm: Name of the alarm for a guard that has not run.
        failing_alarm: Name of the alarm for a guard that fails.
    """

    silent_alarm: pulumi.Output[str]
    failing_alarm: pulumi.Output[str]

    def __init__(self, name: str, *, args: GuardAlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the alarms."""
        super().__init__(name, opts=opts)
        self._args = args
        self.silent_alarm = self._declare_alarm(
            "guard-silent",
            "The cost guard has not run for 15 minutes: nothing stops what exceeds the day's budget",
            metric="Invocations",
            comparison="LessThanThreshold",
            threshold=1,
            missing="breaching",
        )
        self.failing_alarm = self._declare_alarm(
            "guard-failing",
            "The cost guard has failed twice within 15 minutes",
            metric="Errors",
            comparison="GreaterThanOrEqualToThreshold",
            threshold=FAILURES,
            missing="notBreaching",
        )
        self.register_declared_outputs()

    def _declare_alarm(  # noqa: PLR0913 — one argument for each part of an alarm
        self,
        name: str,
        description: str,
        *,
        metric: str,
        comparison: str,
        threshold: int,
        missing: Literal["breaching", "notBreaching"],
    ) -> pulumi.Output[str]:
        args = self._args
        alarm = cloudwatch.MetricAlarm(
            name,
            name=physical_name(METRIC_ALARM, PROJECT_NAME, args.stack.environment, name),
            alarm_description=description,
            namespace="AWS/Lambda",
            metric_name=metric,
            dimensions={"FunctionName": args.function.function_name},
            statistic="Sum",
            period=int(ALARM_PERIOD.total_seconds()),
            evaluation_periods=1,
            comparison_operator=comparison,
            threshold=threshold,
            treat_missing_data=missing,
            alarm_actions=[args.topic_arn],
            ok_actions=[args.topic_arn],
            tags=args.stack.tags.for_resource(name, role="guard"),
            opts=self.child_options(),
        )
        named: pulumi.Output[str] = alarm.name
        return named
