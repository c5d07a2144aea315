"""A stack's daily usage of AWS, from its settings: hours, GB and tokens, without prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from costs.running_costs import duration_hours
from infra.alarms.cluster_rules import cluster_rules
from infra.alarms.orchestrator_rules import WatchedOrchestrator, orchestrator_rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.config.node_groups import NodeGroup
    from infra.config.settings import Settings
    from infra.schedules.schedule import Calendar

YEAR_DAYS = 365

ARTIFACT_GB = Decimal(100)
"""Size of the artifact bucket's releases and reviews: 100 GB in ClaudeFS's docs/A11-COST-OPTIMIZATION.md."""

LOGS_GB = Decimal("0.1")
"""The agents' logs per day: 100 MB in ClaudeFS's docs/COST-OPTIMIZATION-DEEP-DIVE.md."""

NAT_GB = Decimal(5)
"""Traffic through the NAT gateway per day, assumed and not measured: half a GB for each node's packages,
the rest for the agents' builds."""

STACK_SECRETS = 3
"""Number of secrets that ClaudeFS's scripts read: GitHub token, SSH key and Fireworks key."""


@dataclass(frozen=True, kw_only=True)
class RunningHours:
    """Running hours per day.

    Attributes:
        average: Average of the coming year.
        running_day: Hours on a day on which the cluster runs.
    """

    average: Decimal
    running_day: Decimal


ALWAYS = RunningHours(average=Decimal(24), running_day=Decimal(24))


@dataclass(frozen=True, kw_only=True)
class GroupUsage:
    """Usage of a node group.

    Attributes:
        name: Name of the group.
        role: Role of its nodes.
        instance_types: Possible instance types, the usual one first.
        count: Number of nodes.
        on_demand: Number of on-demand nodes among them.
        disk_gib: Total size of a node's root and data volumes, in GiB.
        hours: Running hours of the nodes.
    """

    name: str
    role: str
    instance_types: tuple[str, ...]
    count: int
    on_demand: int
    disk_gib: int
    hours: RunningHours


@dataclass(frozen=True, kw_only=True)
class StackUsage:
    """Usage of a stack.

    Attributes:
        region: AWS region.
        orchestrator_type: Instance type of the orchestrator, which is on demand.
        orchestrator_disk_gib: Size of the orchestrator's root volume, which also costs while it is stopped.
        orchestrator_hours: Running hours of the orchestrator.
        groups: The node groups.
        has_nat: Whether there is a NAT gateway; if not, each machine has a public address.
        artifact_gb: GB in S3.
        log_retention_days: Retention of logs.
        tokens: Millions of tokens per day, by model and kind.
        alarm_metrics: Number of metrics that alarms watch, except those of the guard.
    """

    region: str
    orchestrator_type: str
    orchestrator_disk_gib: int
    orchestrator_hours: RunningHours
    groups: tuple[GroupUsage, ...]
    has_nat: bool
    artifact_gb: Decimal = ARTIFACT_GB
    log_retention_days: int
    tokens: Mapping[str, Mapping[str, Decimal]]
    alarm_metrics: int = 0


def usage_of_settings(settings: Settings, *, today: date) -> StackUsage:
    """Return the usage of a stack with these settings, in the year that begins today."""
    calendar = settings.orchestrator_calendar
    return StackUsage(
        region=settings.region,
        orchestrator_type=settings.orchestrator_instance_type,
        orchestrator_disk_gib=settings.orchestrator_disk_gib,
        orchestrator_hours=ALWAYS if calendar is None else calendar_hours(calendar, today=today),
        groups=tuple(_group_usage(group, settings.node_calendar, today) for group in settings.all_node_groups),
        has_nat=settings.egress == "nat",
        log_retention_days=settings.log_retention_days,
        tokens={tokens.model: tokens.millions for tokens in settings.agent_tokens},
        alarm_metrics=_count_alarm_metrics(settings),
    )


def _count_alarm_metrics(settings: Settings) -> int:
    orchestrator = WatchedOrchestrator(
        environment=settings.environment, instance_id="", has_hours=settings.orchestrator_calendar is not None
    )
    groups = [group.name for group in settings.all_node_groups]
    rules = (*orchestrator_rules(orchestrator), *cluster_rules(settings.environment, groups))
    return sum(len(rule.metrics) for rule in rules)


def calendar_hours(calendar: Calendar, *, today: date) -> RunningHours:
    """Return a calendar's hours in the year that begins today, with its weekdays, holidays and extra days."""
    days = [day for number in range(YEAR_DAYS) if calendar.opens_on(day := today + timedelta(days=number))]
    spans = [duration_hours(calendar.closing_time(day) - calendar.opening_time(day)) for day in days]
    return RunningHours(average=sum(spans, Decimal(0)) / YEAR_DAYS, running_day=max(spans, default=Decimal(0)))


def _group_usage(group: NodeGroup, stack_calendar: Calendar, today: date) -> GroupUsage:
    certain = min(group.on_demand_base, group.count)
    # Auto Scaling rounds the on-demand share up: docs/cluster.md.
    share = -(-(group.count - certain) * group.on_demand_percent // 100)
    return GroupUsage(
        name=group.name,
        role=group.role,
        instance_types=group.instance_types,
        count=group.count,
        on_demand=certain + share,
        disk_gib=group.root_disk_gib,
        hours=calendar_hours(group.group_calendar(stack_calendar), today=today),
    )
