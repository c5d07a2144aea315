"""The orchestrator's hours on the real engine and provider."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cfs.recovery.pending_operations import IMPORT_ID_MAKERS
from cfs.recovery.tagged_resources import find_tagged_resources

if TYPE_CHECKING:
    from tests.e2e.conftest import Stack


@pytest.fixture
def keeping_hours(stack: Stack) -> Stack:
    """A deployed stack whose orchestrator keeps the schedule's hours, around a holiday far in the future."""
    stack.set("claudefs-infra:orchestratorHours", "weekdays")
    stack.engine.query_text("config", "set", "--path", "claudefs-infra:holidays[0]", "2090-12-25")
    stack.engine.query_text("config", "set", "--path", "claudefs-infra:extraDays[0]", "2090-12-30")
    stack.up()
    return stack


def state(stack: Stack) -> str:
    [found] = stack.client("ec2").describe_instances(InstanceIds=[stack.outputs()["orchestratorId"]])["Reservations"]
    return str(found["Instances"][0]["State"]["Name"])


def test_the_schedules_are_there_and_a_second_preview_has_no_changes(keeping_hours: Stack) -> None:
    scheduler = keeping_hours.client("scheduler")
    group = "claudefs-local-orchestrator-hours"
    names = {of["Name"] for of in scheduler.list_schedules(GroupName=group)["Schedules"]}
    assert names == {"start", "start-after-2090-12-25", "extra-2090-12-30", "stop"}
    start = scheduler.get_schedule(GroupName=group, Name="start")
    assert start["ScheduleExpression"] == "cron(0 8 ? * MON-FRI *)"
    assert start["EndDate"].isoformat() == "2090-12-25T15:59:00+00:00"
    assert json.loads(start["Target"]["Input"]) == {"InstanceIds": [keeping_hours.outputs()["orchestratorId"]]}
    assert keeping_hours.changes("--refresh") == {}


def test_a_deployment_neither_starts_nor_stops_the_orchestrator(keeping_hours: Stack) -> None:
    instance = keeping_hours.outputs()["orchestratorId"]
    assert state(keeping_hours) == "running"
    try:
        keeping_hours.client("ec2").stop_instances(InstanceIds=[instance])
        assert keeping_hours.changes("--refresh") == {}
        keeping_hours.set("claudefs-infra:scheduleStop", "17:00")
        keeping_hours.up()
        assert state(keeping_hours) == "stopped"
    finally:
        keeping_hours.client("ec2").start_instances(InstanceIds=[instance])


def test_the_schedules_are_found_for_the_day_that_a_run_dies(keeping_hours: Stack) -> None:
    made = {of["type"]: of for of in keeping_hours.resources() if of["type"].startswith("aws:scheduler/")}
    group = made["aws:scheduler/scheduleGroup:ScheduleGroup"]
    found = {(of.type, of.id) for of in find_tagged_resources(keeping_hours.engine.connect_aws(), "local")}
    assert (group["type"], group["id"]) in found
    schedule = made["aws:scheduler/schedule:Schedule"]
    assert IMPORT_ID_MAKERS[schedule["type"]](schedule["inputs"]) == schedule["id"]


def test_an_orchestrator_that_is_always_on_again_has_no_schedules_left(keeping_hours: Stack) -> None:
    keeping_hours.set("claudefs-infra:orchestratorHours", "always")
    keeping_hours.up()
    assert keeping_hours.client("scheduler").list_schedules()["Schedules"] == []
    assert state(keeping_hours) == "running"
