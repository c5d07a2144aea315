"""What AWS would have recorded of a simulated day: metrics, the guard's log, dashboards and alarms."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.logs.models import LogEvent, logs_backends

from guard.handler import tick_figures, write_metrics
from infra.alarms.cluster_rules import cluster_rules
from infra.alarms.orchestrator_rules import WatchedOrchestrator, orchestrator_rules
from infra.dashboards.boards import BOARDS
from infra.dashboards.widgets import DashboardContext, dashboard_body
from infra.guard.alarms import guard_rules
from infra.metric_alarm import alarm_name
from infra.naming import dashboard_name
from infra.workflows.scripts.report import CI_METRICS_NAMESPACE, job_metrics
from local.aws.function_logs import publish_embedded_metrics
from measure.guard.replayed_jobs import replayed_jobs
from measure.guard.simulated_account import REGION, SIMULATED_ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from guard.tick import TickReport
    from measure.guard.simulated_account import SimulatedAccount

_LOG_GROUP, _LOG_STREAM = f"/cfs/{SIMULATED_ENVIRONMENT}/guard", "replayed"

_MILLISECONDS = 1000

_ORCHESTRATOR_LOAD = {"CPUUtilization": 45}
_NODE_LOAD = {"CPUUtilization": 70}
_DISKS = {"disk_used_percent": 38, "mem_used_percent": 55}
"""What machines are assumed to use."""


@dataclass(frozen=True, kw_only=True)
class RecordedEnvironment:
    """The metrics, logs, dashboards and alarms of a simulated account.

    Attributes:
        account: The account.
        node_groups: Names of its node groups.
    """

    account: SimulatedAccount
    node_groups: tuple[str, ...]

    def declare_observation(self) -> None:
        """Create the dashboards, the alarms and the guard's log group."""
        arns = list(self._declare_alarms())
        context = DashboardContext(
            environment=SIMULATED_ENVIRONMENT,
            region=REGION,
            orchestrator_id=self.account.orchestrator_id,
            has_orchestrator_hours=False,
            node_groups=self.node_groups,
            daily_usd=int(self.account.budget_usd),
            alarm_arns=arns,
        )
        for board, widgets in BOARDS.items():
            self.account.service_client("cloudwatch").put_dashboard(
                DashboardName=dashboard_name(SIMULATED_ENVIRONMENT, board),
                DashboardBody=json.dumps(dashboard_body(widgets(context), context)),
            )
        logs = self.account.service_client("logs")
        logs.create_log_group(logGroupName=_LOG_GROUP)
        logs.create_log_stream(logGroupName=_LOG_GROUP, logStreamName=_LOG_STREAM)

    def _declare_alarms(self) -> Iterator[str]:
        cloudwatch = self.account.service_client("cloudwatch")
        orchestrator = WatchedOrchestrator(
            environment=SIMULATED_ENVIRONMENT, instance_id=self.account.orchestrator_id, has_hours=False
        )
        for rule in (
            *orchestrator_rules(orchestrator),
            *cluster_rules(SIMULATED_ENVIRONMENT, self.node_groups),
            *guard_rules(SIMULATED_ENVIRONMENT, "guard", daily_usd=int(self.account.budget_usd)),
        ):
            name = alarm_name(SIMULATED_ENVIRONMENT, rule.name)
            cloudwatch.put_metric_alarm(
                AlarmName=name,
                AlarmDescription=rule.description,
                Namespace=rule.metrics[0].namespace,
                MetricName=rule.metrics[0].name,
                Statistic=rule.metrics[0].statistic,
                Period=300,
                EvaluationPeriods=rule.periods,
                Threshold=rule.threshold,
                ComparisonOperator="GreaterThanOrEqualToThreshold",
            )
            cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="nothing has happened yet")
            yield f"arn:aws:cloudwatch:{REGION}:{DEFAULT_ACCOUNT_ID}:alarm:{name}"

    def record_tick(self, report: TickReport) -> None:
        """Record what the guard's function would have published in a tick, and what machines and jobs did then."""
        self._record_guard(report)
        self._record_machines()
        if self.account.now.minute == 0:
            self._record_jobs(self.account.now.hour)
        if report.record.meter.usd >= self.account.budget_usd:
            self.account.service_client("cloudwatch").set_alarm_state(
                AlarmName=alarm_name(SIMULATED_ENVIRONMENT, "over-budget"), StateValue="ALARM", StateReason="spent"
            )

    def _record_machines(self) -> None:
        of_environment = {"Environment": SIMULATED_ENVIRONMENT}
        groups = self.account.describe_groups()
        for group in self.node_groups:
            name = f"claudefs-{SIMULATED_ENVIRONMENT}-{group}"
            running = len(groups[name]["Instances"])
            self._put_metrics(
                "AWS/AutoScaling",
                {"GroupDesiredCapacity": groups[name]["DesiredCapacity"], "GroupInServiceInstances": running},
                {"AutoScalingGroupName": name},
            )
            if running:
                self._put_metrics("AWS/EC2", _NODE_LOAD, {"AutoScalingGroupName": name})
                self._put_metrics("CFS/Nodes", _DISKS, of_environment)
        self._put_metrics("AWS/EC2", _ORCHESTRATOR_LOAD, {"InstanceId": self.account.orchestrator_id})
        beats = {"WatchdogHeartbeat": 1, "SupervisorHeartbeat": 1}
        self._put_metrics("CFS/Orchestrator", {**beats, **_DISKS}, of_environment)

    def _record_jobs(self, hour: int) -> None:
        """Record what the jobs on main would have published in an hour of the day."""
        for workflow, job in replayed_jobs(hour):
            self.account.service_client("cloudwatch").put_metric_data(
                Namespace=CI_METRICS_NAMESPACE,
                MetricData=[{**datum, "Timestamp": self.account.now} for datum in job_metrics(job, workflow=workflow)],
            )

    def _record_guard(self, report: TickReport) -> None:
        at = int(self.account.now.timestamp() * _MILLISECONDS)
        printed = io.StringIO()
        with redirect_stdout(printed):
            write_metrics(self.account.guard_settings, report)
        text = re.sub(r'"Timestamp": ?\d+', f'"Timestamp":{at}', printed.getvalue())
        publish_embedded_metrics(self.account.service_client("cloudwatch"), text)
        lines = [{"message": "tick", **tick_figures(report)}]
        lines += [
            {"message": "change", "action": outcome.summary, "reason": report.decision.reason, "error": outcome.error}
            for outcome in report.outcomes
        ]
        # moto refuses events of a day that is not this machine's.
        stream = logs_backends[DEFAULT_ACCOUNT_ID][REGION].groups[_LOG_GROUP].streams[_LOG_STREAM]
        stream.events += [LogEvent(at, {"timestamp": at, "message": json.dumps(line)}) for line in lines]

    def _put_metrics(self, namespace: str, values: Mapping[str, float], dimensions: Mapping[str, str]) -> None:
        named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
        self.account.service_client("cloudwatch").put_metric_data(
            Namespace=namespace,
            MetricData=[
                {"MetricName": name, "Value": value, "Dimensions": named, "Timestamp": self.account.now}
                for name, value in values.items()
            ],
        )
