"""CloudWatch alarms as values, and their declaration. Each has a runbook."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from pulumi_aws import cloudwatch

from infra.naming import METRIC_ALARM, physical_name
from infra.published_metrics import find_metric
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from infra.component import Component
    from infra.stack_context import SecuredStack
    from infra.tags import ResourceRole

RUNBOOKS_PAGE = "docs/runbooks.md"
"""Page with a section for each alarm."""

MAX_DESCRIPTION_LENGTH = 1024
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""

MissingData = Literal["breaching", "notBreaching", "ignore"]
"""How an alarm judges a period without data: as a breach, as none, or it keeps its state.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html"""


@dataclass(frozen=True, kw_only=True)
class WatchedMetric:
    """A published metric of an alarm.

    Attributes:
        namespace: Namespace, as in the table of published metrics.
        name: Name of the metric.
        dimensions: Values of its dimensions.
        statistic: Statistic of a period.
    """

    namespace: str
    name: str
    dimensions: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    statistic: Literal["Maximum", "Minimum", "Sum"]

    def __post_init__(self) -> None:
        """Refuse a metric that nobody publishes."""
        find_metric(self.namespace, self.name, *self.dimensions)


@dataclass(frozen=True, kw_only=True)
class AlarmRule:
    """An alarm on a metric, or on an expression of several metrics.

    Attributes:
        name: Last part of the alarm's name.
        runbook: Anchor of its section in the page of runbooks.
        summary: What is wrong, for the message that people get.
        role: Value of the tag `Role`.
        metrics: The metrics; in an expression they are `m1`, `m2`, …. Each costs as much as an alarm:
            https://aws.amazon.com/cloudwatch/pricing/
        expression: Metric math of several metrics, or "" for a single one.
        comparison: `>=` or `<`.
        threshold: Limit of the value.
        period: Length of a period.
        periods: Consecutive periods that must breach the limit.
        missing: How a period without data counts.
    """

    name: str
    runbook: str
    summary: str
    role: ResourceRole
    metrics: tuple[WatchedMetric, ...]
    expression: str = ""
    comparison: Literal[">=", "<"] = ">="
    threshold: float
    period: timedelta = timedelta(minutes=5)
    periods: int = 1
    missing: MissingData = "notBreaching"

    @property
    def description(self) -> str:
        """The alarm's description: what is wrong, and where it says what to do."""
        return f"{self.summary}. Runbook: {RUNBOOKS_PAGE}#{self.runbook}"


_COMPARISONS = {">=": "GreaterThanOrEqualToThreshold", "<": "LessThanThreshold"}


def declare_alarm(
    parent: Component, rule: AlarmRule, *, stack: SecuredStack, topic_arn: pulumi.Output[str]
) -> cloudwatch.MetricAlarm:
    """Declare an alarm as a child of a component; it reports both states to the topic."""
    return cloudwatch.MetricAlarm(
        rule.name,
        name=alarm_name(stack.environment, rule.name),
        alarm_description=rule.description,
        comparison_operator=_COMPARISONS[rule.comparison],
        threshold=rule.threshold,
        evaluation_periods=rule.periods,
        treat_missing_data=rule.missing,
        alarm_actions=[topic_arn],
        ok_actions=[topic_arn],
        tags=stack.tags.for_resource(rule.name, role=rule.role),
        opts=parent.child_options(),
        **_watched_values(rule, stack.environment),
    )


def alarm_name(environment: str, name: str) -> str:
    """Return the name of an alarm."""
    return physical_name(METRIC_ALARM, PROJECT_NAME, environment, name)


def _watched_values(rule: AlarmRule, environment: str) -> dict[str, Any]:
    seconds = int(rule.period.total_seconds())
    if not rule.expression:
        (only,) = rule.metrics
        return {**_metric_values(only, environment), "statistic": only.statistic, "period": seconds}
    queries: list[dict[str, Any]] = [
        {
            "id": f"m{number}",
            "metric": {**_metric_values(metric, environment), "stat": metric.statistic, "period": seconds},
            "return_data": False,
        }
        for number, metric in enumerate(rule.metrics, start=1)
    ]
    queries.append({"id": "value", "expression": rule.expression, "label": rule.name, "return_data": True})
    return {"metric_queries": queries}


def _metric_values(metric: WatchedMetric, environment: str) -> dict[str, Any]:
    return {
        "namespace": metric.namespace.format(environment=environment),
        "metric_name": metric.name,
        "dimensions": dict(metric.dimensions) or None,
    }
