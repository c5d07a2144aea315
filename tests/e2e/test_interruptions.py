"""A node that goes: the events on the emulated account's bus, and what becomes of each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.stacks import Stack

WARNING = ("aws.ec2", "EC2 Spot Instance Interruption Warning")
RECOMMENDATION = ("aws.ec2", "EC2 Instance Rebalance Recommendation")
TERMINATION = ("aws.autoscaling", "EC2 Instance-terminate Lifecycle Action")
LAUNCH_FAILURE = ("aws.autoscaling", "EC2 Instance Launch Unsuccessful")
GROUP = "claudefs-local-storage-a"


def put(stack: Stack, event: tuple[str, str], **detail: str) -> None:
    """Put an event on the account's bus, as AWS does."""
    source, detail_type = event
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail)}
    assert stack.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def node(stack: Stack, environment: str = "local", *, fault: str = "") -> str:
    """Launch an instance with the tags of an environment's node."""
    named = {"project": "claudefs", "Environment": environment, "EmulatedFault": fault}
    tags = [{"Key": key, "Value": value} for key, value in named.items()]
    launched = stack.client("ec2").run_instances(
        ImageId=stack.outputs()["orchestratorImageId"],
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )
    return str(launched["Instances"][0]["InstanceId"])


def nodes(stack: Stack, group: str) -> dict[str, str]:
    """Return the running nodes of a group with their subnets."""
    filters = [
        {"Name": "tag:NodeGroup", "Values": [group]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    found = stack.client("ec2").describe_instances(Filters=filters)["Reservations"]
    return {of["InstanceId"]: of["SubnetId"] for reservation in found for of in reservation["Instances"]}


def start(stack: Stack, group: str, count: int) -> dict[str, str]:
    """Start a group's nodes and give them."""
    stack.client("autoscaling").set_desired_capacity(
        AutoScalingGroupName=f"claudefs-local-{group}", DesiredCapacity=count
    )
    return nodes(stack, group)


def written(stack: Stack) -> list[dict[str, Any]]:
    """Read the log of events."""
    events = stack.client("logs").filter_log_events(logGroupName=stack.outputs()["eventLogGroup"])["events"]
    return [json.loads(event["message"]) for event in events]


def ran(stack: Stack, instance: str) -> list[tuple[str, str, list[str]]]:
    """Return the runbooks that ran for an instance, how each ended, and its steps."""
    ssm = stack.client("ssm")
    found = ssm.describe_automation_executions()["AutomationExecutionMetadataList"]
    executions = [
        ssm.get_automation_execution(AutomationExecutionId=of["AutomationExecutionId"])["AutomationExecution"]
        for of in reversed(found)
    ]
    return [
        (of["DocumentName"], of["AutomationExecutionStatus"], [step["StepName"] for step in of["StepExecutions"]])
        for of in executions
        if of["Parameters"]["InstanceId"] == [instance]
    ]


def drains(stack: Stack, instance: str) -> list[dict[str, list[str]]]:
    """Return the parameters of the drains that an instance was sent."""
    commands = stack.client("ssm").list_commands(InstanceId=instance)["Commands"]
    return [of["Parameters"] for of in commands if of["DocumentName"] == "claudefs-local-drain"]


def counted(stack: Stack, name: str) -> float:
    """Return a metric's sum over the environment's whole time."""
    metrics = stack.client("cloudwatch").get_metric_statistics(
        Namespace="CFS/Cluster",
        MetricName=name,
        Dimensions=[{"Name": "Environment", "Value": "local"}],
        StartTime="2020-01-01T00:00:00Z",
        EndTime="2100-01-01T00:00:00Z",
        Period=86_400,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in metrics))


def test_a_spot_node_is_drained_at_the_warning_and_counted(stack: Stack) -> None:
    instance = node(stack)

    put(stack, WARNING, **{"instance-id": instance, "instance-action": "terminate"})

    assert ran(stack, instance) == [("claudefs-local-spot-interruption", "Success", ["belongs", "drain", "count"])]
    assert drains(stack, instance) == [{"Reason": ["spot-interruption"]}]
    assert counted(stack, "SpotInterruptions") == 1
    [event] = written(stack)
    assert event["detail"]["instance-id"] == instance


def test_a_node_that_does_not_answer_is_counted_as_not_drained(stack: Stack) -> None:
    instance = node(stack, fault="unreachable")

    put(stack, WARNING, **{"instance-id": instance, "instance-action": "terminate"})

    [(_, status, steps)] = ran(stack, instance)
    assert (status, steps) == ("Failed", ["belongs", "drain", "countFailure", "count"])
    assert (counted(stack, "DrainCommandsFailed"), counted(stack, "SpotInterruptions")) == (1, 1)


def test_another_environments_node_is_left_alone_and_not_counted(stack: Stack) -> None:
    instance = node(stack, "prod")

    put(stack, WARNING, **{"instance-id": instance, "instance-action": "terminate"})

    assert ran(stack, instance) == [("claudefs-local-spot-interruption", "Success", ["belongs", "leave"])]
    assert drains(stack, instance) == []
    assert counted(stack, "SpotInterruptions") == 0


def test_a_recommendation_is_counted_and_drains_nobody(stack: Stack) -> None:
    instance = node(stack)

    put(stack, RECOMMENDATION, **{"instance-id": instance})

    assert drains(stack, instance) == []
    assert counted(stack, "RebalanceRecommendations") == 1


def test_a_node_that_its_group_ends_is_drained_and_let_go(stack: Stack) -> None:
    [instance] = start(stack, "storage-a", 1)

    put(stack, TERMINATION, EC2InstanceId=instance, AutoScalingGroupName=GROUP, LifecycleHookName="drain")

    assert ran(stack, instance) == [
        ("claudefs-local-termination", "Success", ["belongs", "runs", "drain", "release", "count"])
    ]
    assert drains(stack, instance) == [{"Reason": ["termination"]}]
    assert (counted(stack, "Terminations"), counted(stack, "DrainCommandsFailed")) == (1, 0)


def test_a_node_that_is_gone_already_is_not_waited_for(stack: Stack) -> None:
    [instance] = start(stack, "storage-a", 1)
    stack.client("ec2").terminate_instances(InstanceIds=[instance])

    put(stack, TERMINATION, EC2InstanceId=instance, AutoScalingGroupName=GROUP, LifecycleHookName="drain")

    assert ran(stack, instance) == [("claudefs-local-termination", "Success", ["belongs", "runs", "release", "count"])]
    assert drains(stack, instance) == []
    assert counted(stack, "DrainCommandsFailed") == 0


@pytest.mark.parametrize("group, site, count", [("storage-a", "A", 3), ("storage-b", "B", 2)])
def test_a_lost_node_is_replaced_in_its_own_site(stack: Stack, group: str, site: str, count: int) -> None:
    before = start(stack, group, count)
    lost = min(before)

    stack.client("ec2").terminate_instances(InstanceIds=[lost])

    after = nodes(stack, group)
    [replacement] = set(after) - set(before)
    assert len(after) == count
    assert lost not in after
    assert after[replacement] in stack.outputs()[f"site{site}SubnetIds"]


def test_every_group_waits_for_its_nodes_to_be_ready_and_to_be_drained(deployed: Stack) -> None:
    autoscaling = deployed.client("autoscaling")
    groups = autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert groups
    for group in groups:
        hooks = autoscaling.describe_lifecycle_hooks(AutoScalingGroupName=group["AutoScalingGroupName"])
        assert {
            (hook["LifecycleHookName"], hook["LifecycleTransition"], hook["DefaultResult"], hook["HeartbeatTimeout"])
            for hook in hooks["LifecycleHooks"]
        } == {
            ("boot", "autoscaling:EC2_INSTANCE_LAUNCHING", "ABANDON", 1200),
            ("drain", "autoscaling:EC2_INSTANCE_TERMINATING", "CONTINUE", 300),
        }


def test_a_failed_launch_is_written_down(stack: Stack) -> None:
    put(stack, LAUNCH_FAILURE, AutoScalingGroupName=GROUP, StatusMessage="no spot capacity")
    put(stack, LAUNCH_FAILURE, AutoScalingGroupName="claudefs-prod-storage-a", StatusMessage="not ours")

    [event] = written(stack)
    assert event["detail"]["StatusMessage"] == "no spot capacity"


@pytest.mark.parametrize("document", ["drain", "install", "probe"])
def test_a_command_document_is_there_for_the_environment(deployed: Stack, document: str) -> None:
    described = deployed.client("ssm").describe_document(Name=f"claudefs-local-{document}")["Document"]
    assert (described["DocumentType"], described["SchemaVersion"]) == ("Command", "2.2")
    assert described["Parameters"]
