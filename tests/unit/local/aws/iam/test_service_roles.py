"""Runbooks have the rights of their role, and EventBridge those of its own, which it needs to start them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from local.aws.gaps import close_gaps
from local.aws.iam.gate import ACCOUNT_GATE
from tests.unit.local.aws.iam.conftest import ACCOUNT, REGION, Guarded, statement

if TYPE_CHECKING:
    from collections.abc import Iterator

RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/drain"
RUNBOOK = f"arn:aws:ssm:{REGION}:{ACCOUNT}:automation-definition/runbook:$DEFAULT"
START = statement("ssm:StartAutomationExecution")
PASS = statement("iam:PassRole", Condition={"StringEquals": {"iam:PassedToService": "ssm.amazonaws.com"}})
DESCRIBE = statement("ec2:DescribeInstances")


@pytest.fixture
def served(account: Guarded, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guarded]:  # noqa: ARG001 — starts moto
    """The account with the gate of this process, and its gaps closed."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    close_gaps()
    ACCOUNT_GATE.switch(enforced=True, issuers={})
    yield Guarded(gate=ACCOUNT_GATE)
    ACCOUNT_GATE.switch(enforced=False, issuers={})
    ACCOUNT_GATE.forget()


def trust(service: str, source: str) -> dict[str, Any]:
    condition = {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "ArnLike": {"aws:SourceArn": source}}
    return {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole", "Condition": condition}


EXECUTIONS = f"arn:aws:ssm:{REGION}:{ACCOUNT}:automation-execution/*"


def outcomes(
    account: Guarded,
    *,
    of_events: list[dict[str, Any]],
    of_runbook: list[dict[str, Any]],
    source: str = RULE,
    executions: str = EXECUTIONS,
) -> list[str]:
    """Put an event for which a rule starts a runbook, and return how its executions ended."""
    runbook = account.role("Runbook", *of_runbook, trust=trust("ssm.amazonaws.com", executions))
    events = account.role("Events", *of_events, trust=trust("events.amazonaws.com", source))
    step = {"name": "see", "action": "aws:executeAwsApi", "inputs": {"Service": "ec2", "Api": "DescribeInstances"}}
    content = {"schemaVersion": "0.3", "assumeRole": runbook, "mainSteps": [step]}
    account.client("ssm").create_document(Content=json.dumps(content), Name="runbook", DocumentType="Automation")
    client = account.client("events")
    client.put_rule(Name="drain", EventPattern='{"source": ["test"]}')
    target = {
        "Id": "runbook",
        "Arn": RUNBOOK,
        "RoleArn": events,
        "InputTransformer": {"InputPathsMap": {}, "InputTemplate": "{}"},
    }
    client.put_targets(Rule="drain", Targets=[target])
    client.put_events(Entries=[{"Source": "test", "DetailType": "t", "Detail": "{}"}])
    listed = account.client("ssm").describe_automation_executions()["AutomationExecutionMetadataList"]
    return [execution["AutomationExecutionStatus"] for execution in listed]


def test_a_runbook_runs_where_both_roles_may_do_their_part(served: Guarded) -> None:
    assert outcomes(served, of_events=[START, PASS], of_runbook=[DESCRIBE]) == ["Success"]
    assert [right["action"] for right in served.gate.describe()["used"][f"arn:aws:iam::{ACCOUNT}:role/Runbook"]] == [
        "ec2:DescribeInstances"
    ]


def test_a_step_fails_that_the_runbooks_role_does_not_allow(served: Guarded) -> None:
    assert outcomes(served, of_events=[START, PASS], of_runbook=[]) == ["Failed"]


def test_a_runbook_fails_whose_role_trusts_other_executions(served: Guarded) -> None:
    others = EXECUTIONS.replace(ACCOUNT, "444455556666")
    assert outcomes(served, of_events=[START, PASS], of_runbook=[DESCRIBE], executions=others) == ["Failed"]


@pytest.mark.parametrize("of_events", [[START], [PASS]])
def test_nothing_is_started_by_a_rule_whose_role_may_not(served: Guarded, of_events: list[dict[str, Any]]) -> None:
    assert outcomes(served, of_events=of_events, of_runbook=[DESCRIBE]) == []


def test_nothing_is_started_by_a_rule_that_the_role_does_not_trust(served: Guarded) -> None:
    assert outcomes(served, of_events=[START, PASS], of_runbook=[DESCRIBE], source=f"{RULE}-other") == []
