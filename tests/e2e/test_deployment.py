"""What `up` puts into the account and the repository."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from infra.github.delivery import delivered_files
from local import servers

if TYPE_CHECKING:
    from tests.e2e.stacks import Stack

COMES_WITH_ITS_VPC = ("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",)
REPOSITORY = f"/repos/{servers.LOCAL_OWNER}/{servers.LOCAL_REPOSITORY}"


def test_all_that_is_tagged_is_found_by_its_tags_for_the_day_that_a_run_dies(deployed: Stack) -> None:
    tagged = {
        (resource["type"], resource["id"])
        for resource in deployed.resources()
        if resource.get("inputs", {}).get("tags") and resource["type"] not in COMES_WITH_ITS_VPC
    }
    found = {(found.type, found.id) for found in deployed.find_tagged()}
    assert found == tagged


def test_the_orchestrator_runs_as_declared(deployed: Stack) -> None:
    [reservation] = deployed.client("ec2").describe_instances(InstanceIds=[deployed.outputs()["orchestratorId"]])[
        "Reservations"
    ]
    [instance] = reservation["Instances"]
    assert instance["InstanceType"] == "c7a.2xlarge"
    assert instance["State"]["Name"] == "running"
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    assert instance["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert "InstanceLifecycle" not in instance  # on demand
    [disk] = deployed.client("ec2").describe_volumes(
        Filters=[{"Name": "attachment.instance-id", "Values": [instance["InstanceId"]]}]
    )["Volumes"]
    assert disk["Encrypted"]
    assert (disk["Size"], disk["VolumeType"]) == (100, "gp3")
    assert {tag["Key"]: tag["Value"] for tag in disk["Tags"]} == {tag["Key"]: tag["Value"] for tag in instance["Tags"]}


def test_nothing_may_come_in_from_outside(deployed: Stack) -> None:
    for group in deployed.client("ec2").describe_security_groups(
        Filters=[{"Name": "tag:project", "Values": ["claudefs"]}]
    )["SecurityGroups"]:
        for permission in group["IpPermissions"]:
            assert permission["IpRanges"] == []
            assert permission.get("Ipv6Ranges", []) == []


@pytest.mark.parametrize("output", ["stateBucket", "artifactBucket"])
def test_buckets_are_private_and_versioned(deployed: Stack, output: str) -> None:
    s3, bucket = deployed.client("s3"), deployed.outputs()[output]
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    [statement] = [
        statement
        for statement in json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
        if statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
    ]
    assert statement["Effect"] == "Deny"


def test_the_day_has_a_budget_with_alerts_at_80_and_100_percent(deployed: Stack) -> None:
    budgets = deployed.client("budgets")
    account_id = deployed.client("sts").get_caller_identity()["Account"]
    name = "claudefs-local-daily"
    budget = budgets.describe_budget(AccountId=account_id, BudgetName=name)["Budget"]
    assert (budget["TimeUnit"], budget["BudgetLimit"]["Unit"]) == ("DAILY", "USD")
    assert float(budget["BudgetLimit"]["Amount"]) == 100
    notifications = budgets.describe_notifications_for_budget(AccountId=account_id, BudgetName=name)["Notifications"]
    assert sorted((n["NotificationType"], n["Threshold"]) for n in notifications) == [("ACTUAL", 80), ("ACTUAL", 100)]


def test_the_repository_gets_a_variable_and_the_workflow_files(deployed: Stack) -> None:
    variable = deployed.call_github("GET", f"{REPOSITORY}/actions/variables/AWS_REGION")
    assert variable["value"] == "us-west-2"
    for target, source in delivered_files().items():
        file = deployed.call_github("GET", f"{REPOSITORY}/contents/{target}")
        assert base64.b64decode(file["content"]).decode() == source.read_text()
