"""Each event that tells of a node's end starts its runbook, under roles that can do no more than that."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.events.models import EventPattern

from infra.access.statements import render_policy
from infra.cluster.interruptions import (
    Interruptions,
    InterruptionsArgs,
    event_log_policy,
    events_grant,
    events_trust,
    launch_failure_pattern,
    runbooks_grant,
    runbooks_trust,
)
from infra.cluster.node_commands import NodeCommands, NodeCommandsArgs
from infra.cluster.runbooks import NODE_NOTICES
from infra.config.node_groups import MAX_NODE_GROUPS, default_groups
from infra.scope import Scope
from local.aws.iam.evaluation import policy_allows
from tests.unit.infra.conftest import KEY_ARN, secured_stack

if TYPE_CHECKING:
    from infra.tags import Tags
    from tests.unit.infra.conftest import Context, Declare, Recorder

ACCOUNT_ID: str = DEFAULT_ACCOUNT_ID
REGION = "us-west-2"
SCOPE = Scope(account_id=ACCOUNT_ID, region=REGION, environment="test")
RUNBOOKS_POLICY = render_policy(*runbooks_grant(SCOPE))
EVENTS_POLICY = render_policy(*events_grant(SCOPE))
SSM = f"arn:aws:ssm:{REGION}:{ACCOUNT_ID}"
INSTANCE = f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}:instance/i-1"
GROUP = f"arn:aws:autoscaling:{REGION}:{ACCOUNT_ID}:autoScalingGroup:0:autoScalingGroupName/claudefs-test-storage-a"
LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:/cfs/test/events"
RUNBOOKS_ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/claudefs-test-runbooks"
NODE_ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/claudefs-test-node"
NAMES = [notice.name for notice in NODE_NOTICES]
OWN = {"ssm:resourceTag/project": "claudefs", "ssm:resourceTag/Environment": "test"}
OWN_GROUP = {"aws:ResourceTag/project": "claudefs", "aws:ResourceTag/Environment": "test"}
GROUPS = ("claudefs-test-storage-a", "claudefs-test-conduit")
DRAIN = {"AutoScalingGroupName": "claudefs-test-storage-a", "LifecycleHookName": "drain"}


@pytest.fixture(scope="module")
def recorder(declare: Declare, tags: Tags) -> Recorder:
    def program() -> Any:
        args = InterruptionsArgs(
            groups=[group for group in default_groups(5) if group.name in ("storage-a", "conduit")],
            commands=NodeCommands("node-commands", args=NodeCommandsArgs(stack=secured_stack(tags))),
            stack=secured_stack(tags),
        )
        return Interruptions("interruptions", args=args).log_group

    return declare(program)


def matches(pattern: str, source: str, detail_type: str, detail: dict[str, str]) -> bool:
    event: Any = {"source": source, "detail-type": detail_type, "detail": detail}
    return bool(EventPattern.load(pattern).matches_event(event))


@pytest.mark.parametrize(
    "name, source, detail_type, detail",
    [
        ("spot-interruption", "aws.ec2", "EC2 Spot Instance Interruption Warning", {"instance-action": "terminate"}),
        ("spot-interruption", "aws.ec2", "EC2 Spot Instance Interruption Warning", {"instance-action": "stop"}),
        ("rebalance-recommendation", "aws.ec2", "EC2 Instance Rebalance Recommendation", {}),
        ("termination", "aws.autoscaling", "EC2 Instance-terminate Lifecycle Action", DRAIN),
    ],
)
def test_each_event_is_taken_by_one_rule(name: str, source: str, detail_type: str, detail: dict[str, str]) -> None:
    taken = [
        notice.name for notice in NODE_NOTICES if matches(notice.event_pattern(GROUPS), source, detail_type, detail)
    ]
    assert taken == [name]


@pytest.mark.parametrize(
    "detail",
    [
        {**DRAIN, "AutoScalingGroupName": "claudefs-prod-storage-a"},
        {**DRAIN, "AutoScalingGroupName": "claudefs-testing-storage-a"},
        {**DRAIN, "AutoScalingGroupName": "claudefs-test-2-storage-a"},
        {**DRAIN, "AutoScalingGroupName": "other"},
        {**DRAIN, "LifecycleHookName": "others-hook"},
    ],
)
def test_other_groups_and_hooks_are_left_alone(detail: dict[str, str]) -> None:
    [notice] = [notice for notice in NODE_NOTICES if notice.name == "termination"]
    assert not matches(
        notice.event_pattern(GROUPS), "aws.autoscaling", "EC2 Instance-terminate Lifecycle Action", detail
    )


@pytest.mark.parametrize(
    "group, taken",
    [
        ("claudefs-test-conduit", True),
        ("claudefs-prod-conduit", False),
        ("claudefs-test-2-conduit", False),
        ("claudefs-test-eu-conduit", False),
        ("claudefs-test-conduit-2", False),
    ],
)
def test_failed_launches_are_taken_by_the_environment_whose_group_it_is_alone(group: str, *, taken: bool) -> None:
    failed = ("aws.autoscaling", "EC2 Instance Launch Unsuccessful")
    assert matches(launch_failure_pattern(GROUPS), *failed, {"AutoScalingGroupName": group}) is taken


def test_without_groups_no_event_of_a_group_is_taken() -> None:
    [notice] = [notice for notice in NODE_NOTICES if notice.name == "termination"]
    assert not matches(notice.event_pattern(()), notice.source, notice.detail_type, DRAIN)


def test_the_pattern_of_as_many_groups_as_a_stack_can_have_is_one_that_eventbridge_takes() -> None:
    longest = [f"claudefs-{'e' * 20}-{number:0>24}" for number in range(MAX_NODE_GROUPS)]
    assert (
        max(len(pattern) for pattern in (launch_failure_pattern(longest), NODE_NOTICES[-1].event_pattern(longest)))
        <= 2048
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_starts_its_runbook_with_what_the_event_says(recorder: Recorder, name: str) -> None:
    target = recorder.one("EventTarget", f"{name}-runbook").inputs
    runbook = json.loads(recorder.one("aws:ssm/document:Document", name).inputs["content"])
    transformer = target["inputTransformer"]

    assert target["arn"] == f"{SSM}:automation-definition/claudefs-test-{name}:$DEFAULT"
    assert target["rule"] == f"claudefs-test-{name}"
    assert set(json.loads(transformer["inputTemplate"])) == set(runbook["parameters"])
    assert all(f'["<{parameter}>"]' in transformer["inputTemplate"] for parameter in transformer["inputPaths"])
    assert target["retryPolicy"]["maximumEventAgeInSeconds"] >= 60, "the least that EventBridge takes"


@pytest.mark.parametrize("name", [*NAMES, "launch-failure"])
def test_every_event_is_written_down_without_a_role_which_cloudwatch_logs_does_not_take(
    recorder: Recorder, name: str
) -> None:
    target = recorder.one("EventTarget", f"{name}-log")
    assert "roleArn" not in target.inputs
    assert target.inputs["rule"] == f"claudefs-test-{name}"
    assert "interruptions-events" in target.depends_on


def test_runbooks_wait_for_the_commands_that_they_run_and_the_rights_that_they_need(recorder: Recorder) -> None:
    for name in NAMES:
        assert {"drain", "runbooks"} <= recorder.one("aws:ssm/document:Document", name).depends_on
        assert "events" in recorder.one("EventTarget", f"{name}-runbook").depends_on


def test_the_log_is_encrypted_and_of_the_groups_that_the_key_encrypts(recorder: Recorder) -> None:
    logs = recorder.one("LogGroup").inputs
    assert logs["name"] == recorder.result == "/cfs/test/events"
    assert logs["kmsKeyId"] == KEY_ARN
    assert logs["retentionInDays"] == 30


def test_failed_launches_are_counted_by_group(recorder: Recorder) -> None:
    inputs = recorder.one("LogMetricFilter", "launch-failure").inputs
    assert inputs["pattern"] == '{ $.detail-type = "EC2 Instance Launch Unsuccessful" }'
    transformation = inputs["metricTransformation"]
    assert (transformation["namespace"], transformation["name"]) == ("CFS/Cluster", "LaunchFailures")
    assert transformation["dimensions"] == {"AutoScalingGroupName": "$.detail.AutoScalingGroupName"}


def test_launches_that_ec2_refused_and_boots_that_failed_are_counted_apart(recorder: Recorder) -> None:
    filters = {of.name: of.inputs for of in recorder.of("LogMetricFilter") if of.name != "launch-failure"}
    event = '{ $.detail-type = "EC2 Instance Launch Unsuccessful" && $.detail.StatusMessage'

    assert {name: inputs["pattern"] for name, inputs in filters.items()} == {
        "RefusedLaunches": f'{event} != "*was abandoned*" }}',
        "AbandonedLaunches": f'{event} = "*was abandoned*" }}',
    }
    assert {inputs["metricTransformation"]["namespace"] for inputs in filters.values()} == {"CFS/Logs/test"}


@pytest.mark.parametrize(
    "action, resource, context",
    [
        ("ec2:DescribeInstances", "*", {}),
        ("ssm:SendCommand", f"{SSM}:document/claudefs-test-drain", {}),
        ("ssm:SendCommand", INSTANCE, OWN),
        ("ssm:ListCommandInvocations", "*", {}),
        ("autoscaling:CompleteLifecycleAction", GROUP, OWN_GROUP),
        ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "CFS/Cluster"}),
    ],
)
def test_a_runbook_may_do_its_steps(action: str, resource: str, context: Context) -> None:
    assert policy_allows(RUNBOOKS_POLICY, action, resource, context)


@pytest.mark.parametrize(
    "action, resource, context",
    [
        ("ssm:SendCommand", f"{SSM}:document/claudefs-test-install", {}),
        ("ssm:SendCommand", f"{SSM}:document/claudefs-prod-drain", {}),
        ("ssm:SendCommand", f"arn:aws:ssm:{REGION}::document/AWS-RunShellScript", {}),
        ("ssm:SendCommand", INSTANCE, {}),
        ("ssm:SendCommand", INSTANCE, {**OWN, "ssm:resourceTag/Environment": "prod"}),
        ("ssm:SendCommand", INSTANCE, {**OWN, "ssm:resourceTag/project": "other"}),
        ("ssm:StartAutomationExecution", f"{SSM}:automation-execution/1", {}),
        ("autoscaling:CompleteLifecycleAction", GROUP, {}),
        ("autoscaling:TerminateInstanceInAutoScalingGroup", GROUP, OWN_GROUP),
        ("ec2:TerminateInstances", INSTANCE, OWN),
        ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "AWS/EC2"}),
        ("iam:PassRole", RUNBOOKS_ROLE, {"iam:PassedToService": "ssm.amazonaws.com"}),
    ],
)
def test_a_runbook_may_not_do_more(action: str, resource: str, context: Context) -> None:
    assert not policy_allows(RUNBOOKS_POLICY, action, resource, context)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["document/{}", "automation-definition/{}:$DEFAULT"])
def test_eventbridge_may_start_each_runbook(name: str, form: str) -> None:
    start = "ssm:StartAutomationExecution"
    assert policy_allows(EVENTS_POLICY, start, f"{SSM}:{form.format(f'claudefs-test-{name}')}")
    assert policy_allows(EVENTS_POLICY, start, f"{SSM}:automation-execution/1")
    assert policy_allows(EVENTS_POLICY, "iam:PassRole", RUNBOOKS_ROLE, {"iam:PassedToService": "ssm.amazonaws.com"})


@pytest.mark.parametrize(
    "action, resource, context",
    [
        ("ssm:StartAutomationExecution", f"{SSM}:document/claudefs-prod-termination", {}),
        ("ssm:StartAutomationExecution", f"{SSM}:automation-definition/AWS-StopEC2Instance:$DEFAULT", {}),
        ("ssm:SendCommand", f"{SSM}:document/claudefs-test-drain", {}),
        ("iam:PassRole", RUNBOOKS_ROLE, {"iam:PassedToService": "ec2.amazonaws.com"}),
        (
            "iam:PassRole",
            f"arn:aws:iam::{ACCOUNT_ID}:role/claudefs-test-node",
            {"iam:PassedToService": "ssm.amazonaws.com"},
        ),
    ],
)
def test_eventbridge_may_not_do_more(action: str, resource: str, context: Context) -> None:
    assert not policy_allows(EVENTS_POLICY, action, resource, context)


@pytest.mark.parametrize(
    "trust, service, source",
    [
        (render_policy(runbooks_trust(SCOPE)), "ssm.amazonaws.com", f"{SSM}:automation-execution/*"),
        (
            render_policy(events_trust(SCOPE)),
            "events.amazonaws.com",
            f"arn:aws:events:{REGION}:{ACCOUNT_ID}:rule/claudefs-test-*",
        ),
    ],
)
def test_a_role_is_assumed_by_one_service_for_this_account(trust: str, service: str, source: str) -> None:
    [said] = json.loads(trust)["Statement"]
    assert said["Principal"] == {"Service": service}
    assert said["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT_ID},
        "ArnLike": {"aws:SourceArn": source},
    }


def test_only_this_environments_rules_write_to_the_log() -> None:
    said = json.loads(event_log_policy(LOGS, SCOPE))["Statement"]
    assert {of["Principal"]["Service"] for of in said} == {"events.amazonaws.com", "delivery.logs.amazonaws.com"}
    assert {of["Action"] for of in said} == {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert all(of["Resource"].startswith(f"{LOGS}:") for of in said)
    assert {of["Condition"]["ArnLike"]["aws:SourceArn"] for of in said if of["Action"] == "logs:PutLogEvents"} == {
        f"arn:aws:events:{REGION}:{ACCOUNT_ID}:rule/claudefs-test-*"
    }
    # The longest that CloudWatch Logs takes.
    assert len(event_log_policy(LOGS.replace("test", "e" * 20), SCOPE)) < 5120


def test_arguments_are_frozen_and_keyword_only() -> None:
    assert all(field.kw_only for field in fields(InterruptionsArgs))
