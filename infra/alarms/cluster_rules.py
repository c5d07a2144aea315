"""Alarms for the test cluster's nodes, and for deployments to them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from infra.alarm_rule import AlarmRule, WatchedMetric
from infra.alarms.orchestrator_rules import FULL_DISK_PERCENT
from infra.naming import scaling_group_name
from infra.published_metrics import LOG_METRICS_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MISSING_PERIODS = 6
"""Half an hour of five-minute periods: a node boots for up to 20 minutes before its group replaces it."""

REFUSED_LAUNCHES = 3
"""Refused launches in 15 minutes that raise the alarm; a single one often succeeds in another zone or type."""

_QUARTER = timedelta(minutes=15)


def cluster_rules(environment: str, node_groups: Iterable[str]) -> Iterator[AlarmRule]:
    """Return the alarms of an environment with these node groups.

    They watch what the groups want, so hours without nodes raise no alarm.
    """
    for group in node_groups:
        yield _missing_nodes(environment, group)
    yield from _launch_rules()
    yield AlarmRule(
        name="node-boot-failed",
        runbook="node-boot-failed",
        summary="A node's boot failed",
        role="interruptions",
        metrics=(_by_environment(environment, "CFS/Cluster", "BootFailed"),),
        threshold=1,
        period=_QUARTER,
    )
    yield AlarmRule(
        name="node-disk-full",
        runbook="node-disk-full",
        summary=f"A disk of a node is {FULL_DISK_PERCENT} % full",
        role="storage",
        metrics=(_by_environment(environment, "CFS/Nodes", "disk_used_percent"),),
        threshold=FULL_DISK_PERCENT,
        periods=3,
    )
    yield AlarmRule(
        name="deployment-failed",
        runbook="deployment-failed",
        summary="The last deployment failed",
        role="delivery",
        metrics=(_by_environment(environment, "CFS/Deployments", "Failed"),),
        threshold=1,
        # Until the next deployment.
        missing="ignore",
    )


def _launch_rules() -> Iterator[AlarmRule]:
    yield AlarmRule(
        name="spot-capacity-missing",
        runbook="spot-capacity-missing",
        summary=f"EC2 refused {REFUSED_LAUNCHES} launches of nodes within 15 minutes, mostly for lack of spot capacity",
        role="interruptions",
        metrics=(WatchedMetric(namespace=LOG_METRICS_NAMESPACE, name="RefusedLaunches", statistic="Sum"),),
        threshold=REFUSED_LAUNCHES,
        period=_QUARTER,
    )
    yield AlarmRule(
        name="launches-abandoned",
        runbook="launches-abandoned",
        summary="A new node was not ready in time, and its group abandoned the launch",
        role="interruptions",
        metrics=(WatchedMetric(namespace=LOG_METRICS_NAMESPACE, name="AbandonedLaunches", statistic="Sum"),),
        threshold=1,
        period=_QUARTER,
    )


def _missing_nodes(environment: str, group: str) -> AlarmRule:
    dimensions = {"AutoScalingGroupName": scaling_group_name(environment, group)}
    namespace = "AWS/AutoScaling"
    return AlarmRule(
        name=f"nodes-missing-{group}",
        runbook="nodes-missing",
        summary=f"The node group {group} has had fewer nodes than wanted for 30 minutes",
        role="interruptions",
        metrics=(
            WatchedMetric(namespace=namespace, name="GroupDesiredCapacity", dimensions=dimensions, statistic="Minimum"),
            WatchedMetric(
                namespace=namespace, name="GroupInServiceInstances", dimensions=dimensions, statistic="Maximum"
            ),
        ),
        expression="m1 - m2",
        threshold=1,
        periods=MISSING_PERIODS,
    )


def _by_environment(environment: str, namespace: str, name: str) -> WatchedMetric:
    return WatchedMetric(namespace=namespace, name=name, dimensions={"Environment": environment}, statistic="Maximum")
