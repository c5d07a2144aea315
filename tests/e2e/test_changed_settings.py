"""A deployment that changes many settings: node groups, nodes, the budget and the orchestrator's hours after it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cfs.recovery.pending_operations import IMPORT_ID_MAKERS
from tests.e2e.conftest import EXTRA_DAY, HOLIDAY
from tests.e2e.nodes import GROUPS, describe_group, launch_nodes, tags_of
from tests.e2e.stacks import name_of, type_of

if TYPE_CHECKING:
    from tests.e2e.conftest import Changed
    from tests.e2e.stacks import Stack

HOURS = "claudefs-local-orchestrator-hours"


def shown(changed: Changed) -> set[tuple[str, str, str]]:
    """Return what the preview showed: operation, type and name."""
    return {(step["op"], type_of(step["urn"]), name_of(step["urn"])) for step in changed.previewed}


def disk_size(stack: Stack, node: dict[str, Any]) -> int:
    [disk] = stack.client("ec2").describe_volumes(
        Filters=[{"Name": "attachment.instance-id", "Values": [node["InstanceId"]]}]
    )["Volumes"]
    return int(disk["Size"])


def test_a_second_preview_has_no_changes_although_nodes_run_and_the_orchestrator_is_stopped(changed: Changed) -> None:
    assert changed.changes == []


def test_a_group_more_or_less_or_a_changed_template_is_all_that_the_preview_shows_of_groups(changed: Changed) -> None:
    of_groups = {
        (operation, kind, name)
        for operation, kind, name in shown(changed)
        if kind in ("Group", "LaunchTemplate", "LifecycleHook")
    }
    assert of_groups == {
        ("create", "LaunchTemplate", "fio"),
        ("create", "Group", "fio"),
        ("create", "LifecycleHook", "fio-boot"),
        ("create", "LifecycleHook", "fio-drain"),
        ("delete", "LaunchTemplate", "jepsen"),
        ("delete", "Group", "jepsen"),
        ("delete", "LifecycleHook", "jepsen-boot"),
        ("delete", "LifecycleHook", "jepsen-drain"),
        ("update", "LaunchTemplate", "fuse-client"),
        ("update", "Group", "fuse-client"),
        ("update", "Group", "storage-a"),
        ("update", "Group", "storage-b"),
        ("update", "Group", "conduit"),
    }


def test_groups_that_stay_keep_their_ids_and_nodes(changed: Changed) -> None:
    stack = changed.stack
    assert set(stack.outputs()["nodeGroups"]) == {*GROUPS, "fio"} - {"jepsen"}
    assert {tags_of(describe_group(stack, group))["Nodes"] for group in ("storage-a", "storage-b")} == {"300", "200"}
    assert describe_group(stack, "storage-b")["DesiredCapacity"] == 2
    after = stack.ids()
    gone = {(type_of(urn), name_of(urn)) for urn in changed.before if urn not in after}
    assert gone == {(kind, name) for operation, kind, name in shown(changed) if operation == "delete"}
    kept = {urn: made for urn, made in after.items() if type_of(urn) != "Schedule" and urn in changed.before}
    assert kept.items() <= changed.before.items()


def test_500_nodes_are_no_more_resources_than_5(changed: Changed) -> None:
    def of_storage(urns: dict[str, str]) -> set[str]:
        return {urn for urn in urns if name_of(urn).startswith("storage-") and not urn.endswith((HOLIDAY, EXTRA_DAY))}

    assert of_storage(changed.stack.ids()) == of_storage(changed.before)


def test_nodes_are_on_demand_as_far_as_settings_say(changed: Changed) -> None:
    nodes = launch_nodes(changed.stack, "storage-a", 7)
    assert sorted(node.get("InstanceLifecycle", "on demand") for node in nodes) == ["on demand"] * 4 + ["spot"] * 3


def test_a_changed_template_reaches_new_nodes_alone(changed: Changed) -> None:
    nodes = launch_nodes(changed.stack, "fuse-client", 2)
    sizes = {disk_size(changed.stack, node) for node in nodes if node["InstanceId"] != changed.node}
    assert sizes == {80}
    assert [disk_size(changed.stack, node) for node in nodes if node["InstanceId"] == changed.node] == [50]


def test_a_new_group_launches_its_nodes_and_those_of_a_deleted_one_are_gone(changed: Changed) -> None:
    stack = changed.stack
    [node, _] = launch_nodes(stack, "fio", 2, most=3)
    assert (node["InstanceType"], tags_of(node)["NodeGroup"]) == ("c7i.4xlarge", "fio")
    filters = [{"Name": "tag:NodeGroup", "Values": ["jepsen"]}, {"Name": "instance-state-name", "Values": ["running"]}]
    assert stack.client("ec2").describe_instances(Filters=filters)["Reservations"] == []


def test_the_budget_is_updated_in_place(changed: Changed) -> None:
    assert ("update", "Budget", "budget-daily") in shown(changed)
    account_id = changed.stack.client("sts").get_caller_identity()["Account"]
    budget = changed.stack.client("budgets").describe_budget(AccountId=account_id, BudgetName="claudefs-local-daily")
    assert float(budget["Budget"]["BudgetLimit"]["Amount"]) == 120


def test_the_orchestrators_schedules_are_there_and_it_stays_stopped(changed: Changed) -> None:
    scheduler, instance = changed.stack.client("scheduler"), changed.stack.outputs()["orchestratorId"]
    names = {of["Name"] for of in scheduler.list_schedules(GroupName=HOURS)["Schedules"]}
    assert names == {"start", "start-after-2090-12-25", "extra-2090-12-30", "stop"}
    start = scheduler.get_schedule(GroupName=HOURS, Name="start")
    assert start["ScheduleExpression"] == "cron(0 8 ? * MON-FRI *)"
    assert start["EndDate"].isoformat() == "2090-12-25T15:59:00+00:00"
    assert json.loads(start["Target"]["Input"]) == {"InstanceIds": [instance]}
    [found] = changed.stack.client("ec2").describe_instances(InstanceIds=[instance])["Reservations"]
    assert found["Instances"][0]["State"]["Name"] == "stopped"


def test_the_schedules_are_found_for_the_day_that_a_run_dies(changed: Changed) -> None:
    made = {of["type"]: of for of in changed.stack.resources() if of["type"].startswith("aws:scheduler/")}
    group = made["aws:scheduler/scheduleGroup:ScheduleGroup"]
    found = {(of.type, of.id) for of in changed.stack.find_tagged()}
    assert (group["type"], group["id"]) in found
    schedule = made["aws:scheduler/schedule:Schedule"]
    assert IMPORT_ID_MAKERS[schedule["type"]](schedule["inputs"]) == schedule["id"]
