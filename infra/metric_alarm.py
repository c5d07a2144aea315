"""Declares CloudWatch alarms from their rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi_aws import cloudwatch

from infra.naming import METRIC_ALARM, physical_name
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    import pulumi

    from infra.alarm_rule import AlarmRule, WatchedMetric
    from infra.component import Component
    from infra.stack_context import SecuredStack

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
