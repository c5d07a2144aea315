"""Automation on the emulated account: steps run in the order in which Systems Manager would run them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from local.aws import automation
from local.aws.automation import ParametersError
from local.aws.gaps import close_gaps
from tests.mocked_clients import mocked_client

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "us-west-2"
INSTANCE = "i-0123456789abcdef0"
PARAMETERS = {"InstanceId": {"type": "String", "allowedPattern": "^i-[0-9a-f]+$"}}


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch, one_image: None) -> Iterator[None]:  # noqa: ARG001
    """Return an account of moto's, with the gaps closed that runbooks meet."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        close_gaps()
        yield


def step(name: str, *, fails: bool = False, **properties: object) -> dict[str, Any]:
    """Make a step that succeeds, or one that fails since AWS knows no such group."""
    if not fails:
        return {"name": name, "action": "aws:sleep", "inputs": {"Duration": "PT1S"}, **properties}
    inputs = {
        "Service": "autoscaling",
        "Api": "CompleteLifecycleAction",
        "AutoScalingGroupName": "none",
        "LifecycleHookName": "none",
        "LifecycleActionResult": "CONTINUE",
        "InstanceId": "{{ InstanceId }}",
    }
    return {"name": name, "action": "aws:executeAwsApi", "inputs": inputs, **properties}


def run(*steps: dict[str, Any], instance: str = INSTANCE) -> automation.AutomationExecution:
    content = json.dumps({"schemaVersion": "0.3", "parameters": PARAMETERS, "mainSteps": steps})
    return automation.run_document("runbook", content, {"InstanceId": [instance]}, region=REGION)


@pytest.mark.parametrize(
    "steps, path, status",
    [
        ([step("a"), step("b")], "a b", "Success"),
        ([step("a", isEnd=True), step("b")], "a", "Success"),
        ([step("a", nextStep="c"), step("b"), step("c")], "a c", "Success"),
        ([step("a", fails=True), step("b")], "a", "Failed"),
        ([step("a", fails=True, onFailure="Continue"), step("b")], "a b", "Failed"),
        ([step("a", fails=True, onFailure="Continue", isCritical=False), step("b")], "a b", "Success"),
        ([step("a", fails=True, onFailure="step:c", nextStep="b"), step("b"), step("c")], "a c", "Failed"),
        ([step("a", fails=True, onFailure="Continue", isEnd=True), step("b")], "a", "Failed"),
    ],
)
def test_steps_follow_each_other_as_the_document_says(steps: list[dict[str, Any]], path: str, status: str) -> None:
    execution = run(*steps)
    assert " ".join(of.name for of in execution.steps) == path
    assert execution.status == status


def test_a_document_that_goes_round_in_a_circle_ends() -> None:
    assert len(run(step("a", nextStep="b"), step("b", nextStep="a")).steps) == 100


def test_a_failed_step_says_why() -> None:
    [failed] = run(step("a", fails=True)).steps
    assert (failed.step_status, "No active Lifecycle Action" in failed.failure) == ("Failed", True)


@pytest.mark.parametrize("value", ["", "instance", "i-1; reboot"])
def test_a_value_that_the_pattern_does_not_take_starts_nothing(value: str) -> None:
    with pytest.raises(ParametersError, match="InstanceId does not match"):
        run(step("a"), instance=value)


@pytest.mark.parametrize("given", [{}, {"InstanceId": [INSTANCE], "Other": ["x"]}])
def test_parameters_that_are_missing_or_unknown_start_nothing(given: dict[str, list[str]]) -> None:
    content = json.dumps({"parameters": PARAMETERS, "mainSteps": [step("a")]})
    with pytest.raises(ParametersError, match="are wanted"):
        automation.run_document("runbook", content, given, region=REGION)


@pytest.mark.parametrize("state, status", [("running", "Success"), ("stopped", "Failed")])
def test_an_assertion_holds_or_fails_by_what_the_account_says(state: str, status: str) -> None:
    ec2 = mocked_client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    inputs = {
        "Service": "ec2",
        "Api": "DescribeInstances",
        "Filters": [{"Name": "instance-id", "Values": ["{{ InstanceId }}"]}],
        "PropertySelector": "$.Reservations[0].Instances[0].State.Name",
        "DesiredValues": [state],
    }
    asserted = {"name": "is", "action": "aws:assertAwsResourceProperty", "inputs": inputs}

    assert run(asserted, instance=instance).status == status


def test_an_execution_can_be_looked_up_and_an_unknown_document_is_refused() -> None:
    client = mocked_client("ssm")
    content = json.dumps({"schemaVersion": "0.3", "parameters": PARAMETERS, "mainSteps": [step("a", fails=True)]})
    client.create_document(Content=content, Name="runbook", DocumentType="Automation", DocumentFormat="JSON")

    started = client.start_automation_execution(DocumentName="runbook", Parameters={"InstanceId": [INSTANCE]})
    found = client.get_automation_execution(AutomationExecutionId=started["AutomationExecutionId"])

    execution = found["AutomationExecution"]
    assert (execution["DocumentName"], execution["AutomationExecutionStatus"]) == ("runbook", "Failed")
    assert [(of["StepName"], of["StepStatus"]) for of in execution["StepExecutions"]] == [("a", "Failed")]
    with pytest.raises(client.exceptions.ClientError, match="does not match"):
        client.start_automation_execution(DocumentName="runbook", Parameters={"InstanceId": ["i-1; reboot"]})
    with pytest.raises(client.exceptions.ClientError, match="does not exist"):
        client.start_automation_execution(DocumentName="unknown", Parameters={"InstanceId": [INSTANCE]})
    with pytest.raises(client.exceptions.AutomationExecutionNotFoundException):
        client.get_automation_execution(AutomationExecutionId="0" * 36)
