"""Runbooks: their steps hang together, call what AWS has, and touch no other environment's nodes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from moto.core.models import DEFAULT_ACCOUNT_ID

from infra.access.statements import render_policy
from infra.cluster import runbooks
from infra.cluster.hook_seconds import DRAIN_HOOK_SECONDS
from infra.cluster.interruptions import runbooks_grant
from infra.cluster.runbooks import GROUP_PARAMETER, INSTANCE_PARAMETER, NODE_NOTICES, runbook_steps
from infra.scope import Scope
from local.aws.iam.evaluation import policy_allows

if TYPE_CHECKING:
    from infra.cluster.runbooks import NodeNotice, RunbookStep

ACCOUNT_ID: str = DEFAULT_ACCOUNT_ID
REGION = "us-west-2"
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/claudefs-test-runbooks"
SCOPE = Scope(account_id=ACCOUNT_ID, region=REGION, environment="test")
BY_NAME = {notice.name: notice for notice in NODE_NOTICES}
OWN_TAGS = {"project": "claudefs", "Environment": "test"}
CALLS = {"aws:executeAwsApi", "aws:assertAwsResourceProperty"}
OF_AUTOMATION = ("Service", "Api", "PropertySelector", "DesiredValues")

each_notice = pytest.mark.parametrize("notice", NODE_NOTICES, ids=lambda notice: notice.name)


def by_name(notice: NodeNotice) -> dict[str, RunbookStep]:
    return {step.name: step for step in runbook_steps(notice, "test")}


def document(notice: NodeNotice) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(runbooks.runbook_content(notice, environment="test", role_arn=ROLE))
    return content


def followed(notice: NodeNotice, *failing: str) -> list[str]:
    """Follow a runbook to its end, where the steps named fail."""
    written = list(runbook_steps(notice, "test"))
    names = [step.name for step in written]
    path = [written[0]]
    while not (path[-1].is_last and path[-1].name not in failing):
        step = path[-1]
        target = step.on_failure if step.name in failing else step.next_step
        path.append(written[names.index(target) if target else names.index(step.name) + 1])
    return [step.name for step in path]


@pytest.mark.parametrize(
    "name, failing, path",
    [
        ("spot-interruption", [], "belongs drain count"),
        ("spot-interruption", ["belongs"], "belongs leave"),
        ("spot-interruption", ["drain"], "belongs drain countFailure count"),
        ("spot-interruption", ["drain", "countFailure"], "belongs drain countFailure count"),
        ("rebalance-recommendation", [], "belongs count"),
        ("rebalance-recommendation", ["belongs"], "belongs leave"),
        ("termination", [], "belongs runs drain release count"),
        ("termination", ["belongs"], "belongs leave"),
        ("termination", ["runs"], "belongs runs release count"),
        ("termination", ["drain"], "belongs runs drain countFailure release count"),
        ("termination", ["release"], "belongs runs drain release count"),
    ],
)
def test_a_runbook_goes_its_way(name: str, failing: list[str], path: str) -> None:
    assert " ".join(followed(BY_NAME[name], *failing)) == path


@each_notice
def test_nothing_is_done_before_the_instances_tags_are_known(notice: NodeNotice) -> None:
    first = next(iter(runbook_steps(notice, "test")))
    filters = {of["Name"]: of["Values"] for of in first.inputs["Filters"]}  # type: ignore[attr-defined]
    assert filters == {
        "instance-id": ["{{ InstanceId }}"],
        "tag:project": ["claudefs"],
        "tag:Environment": ["test"],
    }
    assert first.on_failure == "leave"
    assert not first.is_critical, "another environment's node is no failure"


@each_notice
def test_every_step_that_is_gone_to_is_there(notice: NodeNotice) -> None:
    written = by_name(notice)
    assert len(written) == len(list(runbook_steps(notice, "test")))
    assert {name for step in written.values() for name in (step.next_step, step.on_failure) if name} <= set(written)


@each_notice
def test_every_call_is_one_that_aws_has(notice: NodeNotice) -> None:
    filled = json.loads(
        json.dumps([step.to_json() for step in runbook_steps(notice, "test")])
        .replace(INSTANCE_PARAMETER.parameter_reference, INSTANCE_PARAMETER.example)
        .replace(GROUP_PARAMETER.parameter_reference, GROUP_PARAMETER.example)
    )
    session = botocore.session.get_session()
    called = [step["inputs"] for step in filled if step["action"] in CALLS]
    assert called
    for inputs in called:
        operation = session.get_service_model(inputs["Service"]).operation_model(inputs["Api"])
        given = {key: value for key, value in inputs.items() if key not in OF_AUTOMATION}
        assert not ParamValidator().validate(given, operation.input_shape).has_errors()


@each_notice
def test_only_declared_parameters_are_used_and_each_has_a_pattern(notice: NodeNotice) -> None:
    said = document(notice)
    assert said["schemaVersion"] == "0.3"
    assert said["assumeRole"] == ROLE
    assert all(declared["allowedPattern"] for declared in said["parameters"].values())
    text = json.dumps(said["mainSteps"])
    for parameter in (INSTANCE_PARAMETER, GROUP_PARAMETER):
        assert (parameter.parameter_reference in text) is (parameter.name in said["parameters"])


@each_notice
def test_the_role_may_make_every_call_on_its_own_nodes(notice: NodeNotice) -> None:
    group = f"arn:aws:autoscaling:{REGION}:{ACCOUNT_ID}:autoScalingGroup:0:autoScalingGroupName/claudefs-test-storage-a"
    bears = {f"aws:ResourceTag/{key}": value for key, value in OWN_TAGS.items()}
    contexts = {
        "CompleteLifecycleAction": (group, bears),
        "PutMetricData": ("*", {"cloudwatch:namespace": "CFS/Cluster"}),
        "DescribeInstances": ("*", {}),
    }
    for step in runbook_steps(notice, "test"):
        if step.action in CALLS:
            resource, context = contexts[str(step.inputs["Api"])]
            action = f"{step.inputs['Service']}:{step.inputs['Api']}"
            assert policy_allows(render_policy(*runbooks_grant(SCOPE)), action, resource, context)


def test_a_recommendation_drains_nobody_since_it_often_comes_to_nothing() -> None:
    assert "drain" not in by_name(BY_NAME["rebalance-recommendation"])


@pytest.mark.parametrize("name", ["spot-interruption", "termination"])
def test_a_drain_runs_the_environments_own_document_and_says_why(name: str) -> None:
    drain = by_name(BY_NAME[name])["drain"]
    assert drain.inputs["DocumentName"] == "claudefs-test-drain"
    assert drain.inputs["Parameters"] == {"Reason": [name]}
    assert drain.inputs["InstanceIds"] == ["{{ InstanceId }}"]


def test_a_group_is_told_before_it_stops_waiting() -> None:
    spent = sum(
        by_name(BY_NAME["termination"])[name].timeout_seconds for name in followed(BY_NAME["termination"], "drain")[:-1]
    )
    assert spent < DRAIN_HOOK_SECONDS


def test_metrics_are_counted_for_the_environment() -> None:
    counted = [
        metric
        for notice in NODE_NOTICES
        for step in runbook_steps(notice, "test")
        if step.inputs.get("Api") == "PutMetricData"
        for metric in step.inputs["MetricData"]  # type: ignore[attr-defined]
    ]
    assert {metric["MetricName"] for metric in counted} == {
        "SpotInterruptions",
        "RebalanceRecommendations",
        "Terminations",
        "DrainCommandsFailed",
    }
    assert {json.dumps(metric["Dimensions"]) for metric in counted} == {'[{"Name": "Environment", "Value": "test"}]'}
