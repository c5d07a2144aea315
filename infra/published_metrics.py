"""The metrics that alarms and dashboards may use, each with its publisher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MetricUnit = Literal["Count", "Percent", "Seconds", "USD", "Yes or no"]
"""What a metric's values mean, for the axes of charts."""


@dataclass(frozen=True, kw_only=True)
class PublishedMetric:
    """A metric in CloudWatch.

    Attributes:
        namespace: Namespace; `{environment}` stands for the environment's name.
        name: Name of the metric.
        dimensions: Names of its dimensions.
        unit: Unit of its values.
        publisher: File of this project that publishes it, or AWS's documentation of it.
    """

    namespace: str
    name: str
    dimensions: tuple[str, ...]
    unit: MetricUnit
    publisher: str


LOG_METRICS_NAMESPACE = "CFS/Logs/{environment}"
"""Namespace of metrics that metric filters count. A filter takes dimensions only from fields of an event, and these
events have no field with the environment:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html"""

_SUPERVISION = "infra/boot/orchestrator/report-supervision.sh"
_RUNBOOKS = "infra/cluster/runbooks.py"
_GUARD = "guard/handler.py"
_CI = "infra/workflows/scripts/report.py"
_EVENTS = "infra/cluster/interruptions.py"

_AGENT_EC2 = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html"
_AUTO_SCALING = "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html"
_BEDROCK = "https://docs.aws.amazon.com/bedrock/latest/userguide/monitoring-runtime-metrics.html"
_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"
_SCHEDULER = "https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html"

_BY_ENVIRONMENT = ("Environment",)

_ROWS: tuple[tuple[str, tuple[str, ...], MetricUnit, str, tuple[str, ...]], ...] = (
    ("CFS/Orchestrator", _BY_ENVIRONMENT, "Yes or no", _SUPERVISION, ("WatchdogHeartbeat", "SupervisorHeartbeat")),
    ("CFS/Orchestrator", _BY_ENVIRONMENT, "Count", _SUPERVISION, ("AgentRestarts", "BuildRepairs", "FailedRepairs")),
    ("CFS/Orchestrator", _BY_ENVIRONMENT, "Yes or no", "infra/boot/orchestrator/prepare.sh", ("BootFailed",)),
    (
        "CFS/Orchestrator",
        _BY_ENVIRONMENT,
        "Percent",
        "infra/boot/orchestrator/cloudwatch-agent.json",
        ("disk_used_percent", "mem_used_percent"),
    ),
    (
        "CFS/Nodes",
        _BY_ENVIRONMENT,
        "Percent",
        "infra/boot/node/cloudwatch-agent.json",
        ("disk_used_percent", "mem_used_percent"),
    ),
    *(
        row
        for dimensions in (_BY_ENVIRONMENT, ("Environment", "NodeGroup"))
        for row in (
            ("CFS/Cluster", dimensions, "Yes or no", "infra/boot/node/report.sh", ("BootFailed",)),
            ("CFS/Cluster", dimensions, "Count", "infra/boot/node/drain.sh", ("Drained", "DrainFailed")),
        )
    ),
    (
        "CFS/Cluster",
        _BY_ENVIRONMENT,
        "Count",
        _RUNBOOKS,
        ("SpotInterruptions", "RebalanceRecommendations", "Terminations", "DrainCommandsFailed"),
    ),
    ("CFS/Cluster", ("AutoScalingGroupName",), "Count", _EVENTS, ("LaunchFailures",)),
    (LOG_METRICS_NAMESPACE, (), "Count", _EVENTS, ("RefusedLaunches", "AbandonedLaunches")),
    (LOG_METRICS_NAMESPACE, (), "Count", "infra/orchestrator/orchestrator.py", ("AgentErrors",)),
    (LOG_METRICS_NAMESPACE, (), "Count", "infra/cluster/cluster.py", ("NodeErrors",)),
    ("CFS/Cost", _BY_ENVIRONMENT, "USD", _GUARD, ("SpendUsd", "HourlyRateUsd", "ForecastUsd")),
    ("CFS/Cost", _BY_ENVIRONMENT, "Count", _GUARD, ("FailedCalls", "Actions")),
    ("CFS/Deployments", _BY_ENVIRONMENT, "Yes or no", "cfs/deploy/outcome_metric.py", ("Failed",)),
    ("CFS/Deployments", _BY_ENVIRONMENT, "Count", "cfs/deploy/outcome_metric.py", ("FailedProbes",)),
    ("CFS/CI", ("Workflow", "Job"), "Seconds", _CI, ("Duration",)),
    ("CFS/CI", ("Workflow", "Job"), "Percent", _CI, ("CacheHitRate",)),
    ("CFS/CI", ("Workflow", "Job"), "Count", _CI, ("Tests", "FailedTests")),
    ("AWS/EC2", ("InstanceId",), "Yes or no", _AGENT_EC2, ("StatusCheckFailed",)),
    ("AWS/EC2", ("InstanceId",), "Percent", _AGENT_EC2, ("CPUUtilization",)),
    ("AWS/EC2", ("AutoScalingGroupName",), "Percent", _AGENT_EC2, ("CPUUtilization",)),
    (
        "AWS/AutoScaling",
        ("AutoScalingGroupName",),
        "Count",
        _AUTO_SCALING,
        ("GroupDesiredCapacity", "GroupInServiceInstances"),
    ),
    ("AWS/Bedrock", ("ModelId",), "Count", _BEDROCK, ("InputTokenCount", "OutputTokenCount")),
    ("AWS/Lambda", ("FunctionName",), "Count", _LAMBDA, ("Invocations", "Errors")),
    (
        "AWS/Scheduler",
        ("ScheduleGroup",),
        "Count",
        _SCHEDULER,
        ("InvocationAttemptCount", "TargetErrorCount", "InvocationDroppedCount"),
    ),
)

PUBLISHED_METRICS = tuple(
    PublishedMetric(namespace=namespace, name=name, dimensions=dimensions, unit=unit, publisher=publisher)
    for namespace, dimensions, unit, publisher, names in _ROWS
    for name in names
)
"""Every metric that an alarm or a dashboard may use."""


class UnpublishedMetricError(LookupError):
    """A metric that nobody publishes."""


def find_metric(namespace: str, name: str, *dimensions: str) -> PublishedMetric:
    """Return a metric by its namespace, name and the names of its dimensions.

    Raises:
        UnpublishedMetricError: Nobody publishes it.
    """
    for metric in PUBLISHED_METRICS:
        if (metric.namespace, metric.name, set(metric.dimensions)) == (namespace, name, set(dimensions)):
            return metric
    raise UnpublishedMetricError(f"nobody publishes {namespace} {name} by {', '.join(dimensions) or 'no dimension'}")
