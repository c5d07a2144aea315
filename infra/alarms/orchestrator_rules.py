"""Alarms for the orchestrator and ClaudeFS's watchdog and supervisor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from infra.alarm_rule import AlarmRule, WatchedMetric
from infra.naming import schedule_group_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pulumi

FULL_DISK_PERCENT = 85

SILENT_PERIODS = 6
"""Half an hour of five-minute periods: the supervisor runs every 15 minutes, and a boot takes some of them."""


@dataclass(frozen=True, kw_only=True)
class WatchedOrchestrator:
    """The orchestrator that alarms watch.

    Attributes:
        environment: The stack's name.
        instance_id: ID of its instance.
        has_hours: Whether a schedule stops it.
    """

    environment: str
    instance_id: pulumi.Input[str]
    has_hours: bool


def orchestrator_rules(watched: WatchedOrchestrator) -> Iterator[AlarmRule]:
    """Return the alarms.

    One cause raises one alarm: heartbeats count only while EC2's status checks pass. EC2 publishes those checks only
    while the instance runs, so a schedule that stops the orchestrator raises no alarm.
    """
    status = WatchedMetric(
        namespace="AWS/EC2",
        name="StatusCheckFailed",
        dimensions={"InstanceId": watched.instance_id},
        statistic="Maximum",
    )
    yield AlarmRule(
        name="orchestrator-unhealthy",
        runbook="orchestrator-unhealthy",
        summary="The orchestrator fails EC2's status checks" + ("" if watched.has_hours else ", or does not run"),
        role="orchestrator",
        metrics=(status,),
        threshold=1,
        periods=2,
        missing="notBreaching" if watched.has_hours else "breaching",
    )
    for program, work in (("watchdog", "relaunches dead agents"), ("supervisor", "repairs the build")):
        yield AlarmRule(
            name=f"{program}-silent",
            runbook=f"{program}-silent",
            summary=f"The orchestrator runs, but its {program} has not worked for 30 minutes: nothing {work}",
            role="orchestrator",
            metrics=(status, _own_metric(watched, f"{program.capitalize()}Heartbeat")),
            expression="IF(m1 == 0, FILL(m2, 0), 1)",
            comparison="<",
            threshold=1,
            periods=SILENT_PERIODS,
        )
    yield from _machine_rules(watched)
    if watched.has_hours:
        yield _schedule_rule(watched)


def _machine_rules(watched: WatchedOrchestrator) -> Iterator[AlarmRule]:
    yield AlarmRule(
        name="orchestrator-boot-failed",
        runbook="orchestrator-boot-failed",
        summary="The orchestrator's preparation fails; it is repeated every 5 minutes",
        role="orchestrator",
        metrics=(_own_metric(watched, "BootFailed"),),
        threshold=1,
        period=timedelta(minutes=15),
    )
    yield AlarmRule(
        name="orchestrator-disk-full",
        runbook="orchestrator-disk-full",
        summary=f"The orchestrator's disk is {FULL_DISK_PERCENT} % full",
        role="orchestrator",
        metrics=(_own_metric(watched, "disk_used_percent"),),
        threshold=FULL_DISK_PERCENT,
        periods=3,
    )


def _schedule_rule(watched: WatchedOrchestrator) -> AlarmRule:
    return AlarmRule(
        name="orchestrator-not-switched",
        runbook="orchestrator-not-switched",
        summary="A schedule gave up starting or stopping the orchestrator",
        role="orchestrator",
        metrics=(
            WatchedMetric(
                namespace="AWS/Scheduler",
                name="InvocationDroppedCount",
                dimensions={"ScheduleGroup": schedule_group_name(watched.environment)},
                statistic="Sum",
            ),
        ),
        threshold=1,
    )


def _own_metric(watched: WatchedOrchestrator, name: str) -> WatchedMetric:
    return WatchedMetric(
        namespace="CFS/Orchestrator",
        name=name,
        dimensions={"Environment": watched.environment},
        statistic="Maximum",
    )
