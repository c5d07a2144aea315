"""The widgets of the three dashboards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from infra.dashboards.widgets import AlarmList, Chart, ChartedMetric, LogQuery, Note
from infra.guard.grants import METRIC_NAMESPACE
from infra.naming import LOG_GROUP_PREFIX, guard_function_name, scaling_group_name, schedule_group_name
from infra.published_metrics import LOG_METRICS_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.dashboards.widgets import DashboardContext, Statistic, Widget

Board = Literal["cost", "performance", "infrastructure"]

_NOTE = Note(markdown="Declared by `infra/dashboards`; the next deployment reverts changes made here.")

_HOUR = 3600

_TOKENS = ("ModelId",)
_JOBS = ("Workflow", "Job")


def cost_widgets(context: DashboardContext) -> tuple[Widget, ...]:
    """Return what the environment costs."""
    guard = {"FunctionName": guard_function_name(context.environment)}
    guard_log = f"{LOG_GROUP_PREFIX}/{context.environment}/guard"
    return (
        _NOTE,
        Chart(
            title="Spent today, and at the day's end if it goes on so",
            metrics=(
                _of_environment(context, METRIC_NAMESPACE, "SpendUsd", "spent since 00:00 UTC"),
                _of_environment(context, METRIC_NAMESPACE, "ForecastUsd", "forecast for 24:00 UTC"),
            ),
            limit=("limit", context.daily_usd),
        ),
        LogQuery(
            title="Spent today, by component",
            log_group=guard_log,
            query="filter message = 'tick' | stats "
            + ", ".join(f"max(`usd_by_component.{field}`) as {name}" for field, name in COST_COMPONENTS.items())
            + " by bin(15m)",
            view="timeSeries",
        ),
        Chart(
            title="US dollars an hour",
            metrics=(_of_environment(context, METRIC_NAMESPACE, "HourlyRateUsd", "an hour"),),
        ),
        Chart(
            title="Tokens, by model",
            metrics=tuple(
                ChartedMetric(
                    namespace="AWS/Bedrock",
                    name=name,
                    searched=_TOKENS,
                    label=f"{kind} ${{PROP('Dim.ModelId')}}",
                    statistic="Sum",
                )
                for name, kind in (("InputTokenCount", "input"), ("OutputTokenCount", "output"))
            ),
            period=_HOUR,
        ),
        Chart(
            title="What the cost guard did",
            metrics=(
                _of_environment(context, METRIC_NAMESPACE, "Actions", "changes", "Sum"),
                _of_environment(context, METRIC_NAMESPACE, "FailedCalls", "failed calls", "Sum"),
                ChartedMetric(
                    namespace="AWS/Lambda", name="Errors", dimensions=guard, label="failed runs", statistic="Sum"
                ),
            ),
        ),
        LogQuery(
            title="Changes by the cost guard",
            log_group=guard_log,
            query="filter message = 'change' | fields @timestamp, action, reason, error"
            " | sort @timestamp desc | limit 20",
            view="table",
        ),
    )


COST_COMPONENTS: Mapping[str, str] = {
    "instances": "instances",
    "bedrock": "tokens",
    "volumes": "volumes",
    "nat-gateways": "gateways",
    "nat-traffic": "traffic",
    "addresses": "addresses",
}
"""Components of the cost guard's meter, as fields of its log, with their names in the chart."""


def performance_widgets(_: DashboardContext) -> tuple[Widget, ...]:
    """Return how builds and tests perform, on the default branch."""

    def jobs(name: str, statistic: Statistic) -> tuple[ChartedMetric]:
        label = "${PROP('Dim.Workflow')} ${PROP('Dim.Job')}"
        return (ChartedMetric(namespace="CFS/CI", name=name, searched=_JOBS, label=label, statistic=statistic),)

    return (
        _NOTE,
        Chart(title="Durations of jobs", metrics=jobs("Duration", "Maximum"), width=24, period=_HOUR),
        Chart(
            title="Hits of the build cache",
            metrics=jobs("CacheHitRate", "Minimum"),
            period=_HOUR,
            limit=("wanted at least", 75),
        ),
        Chart(title="Failed tests; a flaky test counts as failed", metrics=jobs("FailedTests", "Sum"), period=_HOUR),
        Chart(title="Tests", metrics=jobs("Tests", "Sum"), width=24, period=_HOUR),
    )


def infrastructure_widgets(context: DashboardContext) -> tuple[Widget, ...]:
    """Return how the machines do."""
    return (
        _NOTE,
        AlarmList(title="Alarms"),
        *_node_counts(context),
        _cluster_counts(
            context,
            "Interrupted and terminated nodes",
            {
                "SpotInterruptions": "interruptions",
                "RebalanceRecommendations": "rebalance recommendations",
                "Terminations": "terminations",
                "Drained": "drained",
                "DrainFailed": "drained too late",
                "DrainCommandsFailed": "not reached",
            },
        ),
        Chart(
            title="Launches that failed",
            metrics=(_of_logs("RefusedLaunches", "refused"), _of_logs("AbandonedLaunches", "abandoned")),
        ),
        *_supervision(context),
        *_deployments(context),
        *_machines(context),
    )


BOARDS: Mapping[Board, Callable[[DashboardContext], tuple[Widget, ...]]] = {
    "cost": cost_widgets,
    "performance": performance_widgets,
    "infrastructure": infrastructure_widgets,
}
"""The dashboards. The account's first three are free, if each has at most 50 metrics:
https://aws.amazon.com/cloudwatch/pricing/"""


def _node_counts(context: DashboardContext) -> tuple[Chart, Chart]:
    def by_group(name: str) -> tuple[ChartedMetric, ...]:
        return tuple(
            ChartedMetric(namespace="AWS/AutoScaling", name=name, dimensions=_group(context, group), label=group)
            for group in context.node_groups
        )

    return (
        Chart(title="Nodes wanted", metrics=by_group("GroupDesiredCapacity")),
        Chart(title="Nodes in service", metrics=by_group("GroupInServiceInstances")),
    )


def _supervision(context: DashboardContext) -> tuple[Chart, Chart]:
    namespace = "CFS/Orchestrator"
    return (
        Chart(
            title="Heartbeats, and boots that failed",
            metrics=(
                _of_environment(context, namespace, "WatchdogHeartbeat", "watchdog", "Minimum"),
                _of_environment(context, namespace, "SupervisorHeartbeat", "supervisor", "Minimum"),
                _of_environment(context, namespace, "BootFailed", "orchestrator's boot failed"),
                _of_environment(context, "CFS/Cluster", "BootFailed", "a node's boot failed"),
            ),
        ),
        Chart(
            title="What the watchdog and the supervisor did, and errors in logs",
            metrics=(
                _of_environment(context, namespace, "AgentRestarts", "agents relaunched", "Sum"),
                _of_environment(context, namespace, "BuildRepairs", "builds repaired", "Sum"),
                _of_environment(context, namespace, "FailedRepairs", "builds not repaired", "Sum"),
                _of_logs("AgentErrors", "errors of agents"),
                _of_logs("NodeErrors", "errors of nodes"),
            ),
        ),
    )


def _deployments(context: DashboardContext) -> tuple[Chart, ...]:
    deployments = Chart(
        title="Nodes whose probe failed in a deployment",
        metrics=(_of_environment(context, "CFS/Deployments", "FailedProbes", "failed probes", "Sum"),),
    )
    if not context.has_orchestrator_hours:
        return (deployments,)
    labels = {
        "InvocationAttemptCount": "calls",
        "TargetErrorCount": "failed calls",
        "InvocationDroppedCount": "given up",
    }
    hours = {"ScheduleGroup": schedule_group_name(context.environment)}
    calls = tuple(
        ChartedMetric(namespace="AWS/Scheduler", name=name, dimensions=hours, label=label, statistic="Sum")
        for name, label in labels.items()
    )
    return (deployments, Chart(title="Schedules of the orchestrator", metrics=calls))


def _machines(context: DashboardContext) -> tuple[Chart, Chart]:
    machine = {"InstanceId": context.orchestrator_id}
    return (
        Chart(
            title="Processors: average, in percent",
            metrics=(
                ChartedMetric(
                    namespace="AWS/EC2",
                    name="CPUUtilization",
                    dimensions=machine,
                    label="orchestrator",
                    statistic="Average",
                ),
                *(
                    ChartedMetric(
                        namespace="AWS/EC2",
                        name="CPUUtilization",
                        dimensions=_group(context, group),
                        label=group,
                        statistic="Average",
                    )
                    for group in context.node_groups
                ),
            ),
        ),
        Chart(
            title="Disks and memory in use: the fullest, in percent",
            metrics=tuple(
                _of_environment(context, namespace, f"{what}_used_percent", f"{label} of {machines}")
                for namespace, machines in (("CFS/Orchestrator", "the orchestrator"), ("CFS/Nodes", "nodes"))
                for what, label in (("disk", "disk"), ("mem", "memory"))
            ),
        ),
    )


def _cluster_counts(context: DashboardContext, title: str, labels: Mapping[str, str]) -> Chart:
    metrics = (_of_environment(context, "CFS/Cluster", name, label, "Sum") for name, label in labels.items())
    return Chart(title=title, metrics=tuple(metrics))


def _of_environment(
    context: DashboardContext, namespace: str, name: str, label: str, statistic: Statistic = "Maximum"
) -> ChartedMetric:
    return ChartedMetric(
        namespace=namespace,
        name=name,
        dimensions={"Environment": context.environment},
        label=label,
        statistic=statistic,
    )


def _of_logs(name: str, label: str) -> ChartedMetric:
    return ChartedMetric(namespace=LOG_METRICS_NAMESPACE, name=name, label=label, statistic="Sum")


def _group(context: DashboardContext, group: str) -> dict[str, str]:
    return {"AutoScalingGroupName": scaling_group_name(context.environment, group)}
