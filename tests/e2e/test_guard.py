"""The cost guard as it is deployed: its package, on its schedule, with its role's rights and no others."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.aws.clock import CLOCK_PATH
from local.aws.iam import IAM_PATH
from local.aws.invocations import FUNCTIONS_PATH
from local.aws.own_clients import assume_for_service
from tests.e2e.nodes import describe_group, launch_nodes
from tests.e2e.stacks import GROUPS_OF_NODES

if TYPE_CHECKING:
    from tests.e2e.stacks import Stack

MODEL = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
INSTANCE, AGENTS_MODE = "**aws:ec2/instance:**", "**aws:ssm/parameter:**"
TOKENS = 40e6
"""Output tokens that cost more than a day's budget, the emulated account's $100."""


def run_schedule(stack: Stack) -> list[dict[str, Any]]:
    """Let the next scheduled run take place, and return what ran."""
    later = stack.account_time() + timedelta(minutes=6)
    stack.control_account(CLOCK_PATH, {"now": later.isoformat(), "rules": True})
    for _ in range(600):
        told = stack.control_account(FUNCTIONS_PATH)
        if not told["pending"]:
            break
        time.sleep(0.1)
    finished: list[dict[str, Any]] = told["finished"]
    return finished


def subscribe_queue(stack: Stack) -> str:
    """Let a queue hear the alerts, and return its URL."""
    sqs, topic = stack.client("sqs"), stack.outputs()["alertTopicArn"]
    url: str = sqs.create_queue(QueueName="alerts")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    stack.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return url


def instance_state(stack: Stack, instance: str) -> str:
    found = stack.client("ec2").describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    return str(found["State"]["Name"])


def test_over_the_days_budget_the_guard_stops_the_cluster_and_a_deployment_leaves_that_alone(stack: Stack) -> None:
    nodes = [node["InstanceId"] for node in launch_nodes(stack, "storage-a", 3)]
    alerts = subscribe_queue(stack)
    image = stack.outputs()["orchestratorImageId"]
    launched = stack.client("ec2").run_instances(ImageId=image, MinCount=1, MaxCount=1)
    foreign = launched["Instances"][0]["InstanceId"]
    dimensions = [{"Name": "ModelId", "Value": MODEL}]
    spent = {
        "MetricName": "OutputTokenCount",
        "Dimensions": dimensions,
        "Value": TOKENS,
        # The guard reads the seconds before the one in which it runs.
        "Timestamp": datetime.now(UTC) - timedelta(seconds=2),
    }
    stack.client("cloudwatch").put_metric_data(Namespace="AWS/Bedrock", MetricData=[spent])
    stack.control_account(IAM_PATH, {"enforced": True})

    assert {(run["source"], run["error"]) for run in run_schedule(stack)} == {("events.amazonaws.com", "")}

    assert stack.control_account(IAM_PATH)["denials"] == []
    group = describe_group(stack, "storage-a")
    assert (group["MinSize"], group["DesiredCapacity"], group["Instances"]) == (0, 0, [])
    assert {"Launch", "ScheduledActions"} <= {process["ProcessName"] for process in group["SuspendedProcesses"]}
    assert {instance_state(stack, node) for node in nodes} == {"terminated"}
    assert instance_state(stack, foreign) == instance_state(stack, stack.outputs()["orchestratorId"]) == "running"
    assert stack.client("ssm").get_parameter(Name="claudefs-local-agents-mode")["Parameter"]["Value"] == "paused"
    [alert] = stack.client("sqs").receive_message(QueueUrl=alerts)["Messages"]
    assert "storage-a" in json.loads(alert["Body"])["Message"]
    assert stack.limited_to(GROUPS_OF_NODES, INSTANCE, AGENTS_MODE).preview("--refresh") == []
    assert_role_is_limited(stack, foreign)


def assert_role_is_limited(stack: Stack, foreign: str) -> None:
    """Check that the guard's role cannot touch what lacks the environment's tags, nor terminate the orchestrator."""
    role = stack.client("iam").get_role(RoleName="claudefs-local-guard")["Role"]["Arn"]
    function = stack.client("lambda").get_function(FunctionName="claudefs-local-guard")["Configuration"]["FunctionArn"]
    url = stack.engine.account.aws_url
    session = assume_for_service("lambda.amazonaws.com", role, session="test", source_arn=function, url=url)
    with pytest.raises(ClientError, match="AccessDenied"):
        assume_for_service("lambda.amazonaws.com", role, session="test", source_arn=f"{function}-other", url=url)
    for instance in (foreign, stack.outputs()["orchestratorId"]):
        with pytest.raises(ClientError, match="UnauthorizedOperation"):
            session.open_client("ec2").terminate_instances(InstanceIds=[instance])
    with pytest.raises(ClientError, match="AccessDenied"):
        session.open_client("dynamodb").put_item(TableName="others", Item={"day": {"S": "2026-11-26"}})
