"""CloudWatch alarms as values. Each has a runbook."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from infra.published_metrics import find_metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

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
