"""Each alarm has a runbook, a published metric, and rings only while its machines should run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from infra.alarm_rule import MAX_DESCRIPTION_LENGTH, RUNBOOKS_PAGE, AlarmRule
from infra.alarms.cluster_rules import cluster_rules
from infra.alarms.orchestrator_rules import WatchedOrchestrator, orchestrator_rules
from infra.guard.alarms import guard_rules
from infra.published_metrics import PUBLISHED_METRICS, UnpublishedMetricError, find_metric
from tests.unit.infra.test_components import deploy, stack

PROJECT = Path(__file__).parents[4]


def every_rule(*, has_hours: bool) -> dict[str, AlarmRule]:
    watched = WatchedOrchestrator(environment="test", instance_id="i-1", has_hours=has_hours)
    rules = (
        *orchestrator_rules(watched),
        *cluster_rules("test", ("storage-a", "jepsen")),
        *guard_rules("test", "guard", daily_usd=100),
    )
    return {rule.name: rule for rule in rules}


RULES = every_rule(has_hours=True)


def test_each_alarm_has_a_runbook_and_each_runbook_an_alarm() -> None:
    page = (PROJECT / RUNBOOKS_PAGE).read_text()
    declared = [*stack().every("MetricAlarm"), *deploy().every("MetricAlarm")]
    links = [re.findall(rf"Runbook: {RUNBOOKS_PAGE}#([\w-]+)$", alarm.inputs["alarmDescription"]) for alarm in declared]

    assert [len(link) for link in links] == [1] * len(declared)
    assert {link[0] for link in links} == set(re.findall(r"^## (.+)$", page, flags=re.MULTILINE))
    assert all(len(alarm.inputs["alarmDescription"]) <= MAX_DESCRIPTION_LENGTH for alarm in declared)
    assert {tuple(alarm.inputs["alarmActions"]) for alarm in declared} == {
        tuple(alarm.inputs["okActions"]) for alarm in declared
    }
    assert len({tuple(alarm.inputs["alarmActions"]) for alarm in declared}) == 1


def test_each_own_metric_is_in_the_file_that_publishes_it() -> None:
    own = [metric for metric in PUBLISHED_METRICS if metric.namespace.startswith("CFS/")]
    assert len(own) > 30
    for metric in own:
        # The agent puts the kind of a measurement before its name.
        name = metric.name.removeprefix("disk_")
        assert re.search(rf"\b{name}\b", (PROJECT / metric.publisher).read_text()), metric
    others = [metric for metric in PUBLISHED_METRICS if metric not in own]
    assert {metric.namespace.partition("/")[0] for metric in others} == {"AWS"}
    assert all(metric.publisher.startswith("https://docs.aws.amazon.com/") for metric in others)
    assert len({(of.namespace, of.name, of.dimensions) for of in PUBLISHED_METRICS}) == len(PUBLISHED_METRICS)


@pytest.mark.parametrize("name, dimensions", [("Failed", ()), ("failed", ("Environment",))])
def test_a_metric_that_nobody_publishes_is_refused(name: str, dimensions: tuple[str, ...]) -> None:
    assert find_metric("CFS/Deployments", "Failed", "Environment").publisher == "cfs/deploy/outcome_metric.py"
    with pytest.raises(UnpublishedMetricError, match=f"nobody publishes CFS/Deployments {name}"):
        find_metric("CFS/Deployments", name, *dimensions)


def test_machines_that_a_schedule_has_stopped_raise_no_alarm() -> None:
    # Without machines there is no data; only the guard, which runs always, may be missed.
    assert {rule.name for rule in RULES.values() if rule.missing == "breaching"} == {"guard-silent"}
    assert every_rule(has_hours=False)["orchestrator-unhealthy"].missing == "breaching"
    assert RULES.keys() - every_rule(has_hours=False).keys() == {"orchestrator-not-switched"}


def test_heartbeats_are_missed_only_while_the_machine_is_healthy() -> None:
    for name in ("watchdog-silent", "supervisor-silent"):
        rule = RULES[name]
        assert next(metric.name for metric in rule.metrics) == "StatusCheckFailed"
        assert (rule.expression, rule.comparison, rule.threshold) == ("IF(m1 == 0, FILL(m2, 0), 1)", "<", 1)


def test_an_expression_reaches_cloudwatch_with_each_of_its_metrics() -> None:
    alarm = stack().one("MetricAlarm", "nodes-missing-storage-a").inputs

    assert [query["id"] for query in alarm["metricQueries"]] == ["m1", "m2", "value"]
    assert [query["returnData"] for query in alarm["metricQueries"]] == [False, False, True]
    wanted, running, difference = alarm["metricQueries"]
    assert wanted["metric"]["dimensions"] == {"AutoScalingGroupName": "claudefs-test-storage-a"}
    assert (wanted["metric"]["stat"], running["metric"]["stat"]) == ("Minimum", "Maximum")
    assert difference["expression"] == "m1 - m2"
    assert not alarm.keys() & {"metricName", "namespace", "period", "statistic"}
