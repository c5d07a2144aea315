"""What `up` puts into the account and the repository, and what happens when somebody changes it."""

from __future__ import annotations

import base64
import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from cfs.recovery.tagged_resources import find_tagged_resources
from infra.github.delivery import delivered_files
from local import servers

if TYPE_CHECKING:
    from tests.e2e.conftest import Stack

COMES_WITH_ITS_VPC = ("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",)
REPOSITORY = f"/repos/{servers.LOCAL_OWNER}/{servers.LOCAL_REPOSITORY}"


def github(stack: Stack, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Call the emulated GitHub as a person with a browser would, outside Pulumi."""
    request = urllib.request.Request(
        f"{stack.engine.account.github_url}{path}",
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={"Authorization": f"Bearer {stack.engine.account.account_variables()['GITHUB_TOKEN']}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_a_second_preview_has_no_changes(deployed: Stack) -> None:
    assert deployed.changes("--refresh") == {}


def test_all_that_is_tagged_is_found_by_its_tags_for_the_day_that_a_run_dies(deployed: Stack) -> None:
    tagged = {
        (resource["type"], resource["id"])
        for resource in deployed.resources()
        if resource.get("inputs", {}).get("tags") and resource["type"] not in COMES_WITH_ITS_VPC
    }
    found = {(found.type, found.id) for found in find_tagged_resources(deployed.engine.connect_aws(), "local")}
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
    assert disk["Tags"] == instance["Tags"]


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
    variable = github(deployed, "GET", f"{REPOSITORY}/actions/variables/AWS_REGION")
    assert variable["value"] == "us-west-2"
    for target, source in delivered_files().items():
        file = github(deployed, "GET", f"{REPOSITORY}/contents/{target}")
        assert base64.b64decode(file["content"]).decode() == source.read_text()


def test_a_secret_is_nowhere_in_plain_text(stack: Stack) -> None:
    marker = "marker-that-must-stay-secret"
    stack.engine.query_text(
        "config", "set", "--secret", "--path", "claudefs-infra:actionsSecrets.SLACK_WEBHOOK", marker
    )
    said = stack.up()
    assert github(stack, "GET", f"{REPOSITORY}/actions/secrets/SLACK_WEBHOOK")["name"] == "SLACK_WEBHOOK"
    assert marker not in said
    kept = [path for path in stack.engine.account.folder.rglob("*") if path.is_file()]
    assert [path.name for path in kept if marker.encode() in path.read_bytes()] == []


def test_a_tag_changed_by_hand_is_found_by_refresh_and_repaired_by_up(stack: Stack) -> None:
    instance = stack.outputs()["orchestratorId"]
    ec2 = stack.client("ec2")
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "Owner", "Value": "somebody"}])
    assert "somebody" in stack.engine.query_text("refresh", "--yes", "--skip-preview", "--diff")
    assert stack.changes() == {"update": 1}
    stack.up()
    tags = {tag["Key"]: tag["Value"] for tag in ec2.describe_tags()["Tags"] if tag["ResourceId"] == instance}
    assert tags["Owner"] == "claudefs-team"


def test_a_rule_deleted_by_hand_is_found_by_refresh_and_made_again_by_up(stack: Stack) -> None:
    ec2 = stack.client("ec2")
    named = [{"Name": "tag:Name", "Values": ["claudefs-local-storage-to-https"]}]
    [rule] = ec2.describe_security_group_rules(Filters=named)["SecurityGroupRules"]
    ec2.revoke_security_group_egress(GroupId=rule["GroupId"], SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    assert "1 deleted" in stack.engine.query_text("refresh", "--yes", "--skip-preview")
    assert stack.changes() == {"create": 1}
    stack.up()
    [again] = ec2.describe_security_group_rules(Filters=named)["SecurityGroupRules"]
    assert again["CidrIpv4"] == rule["CidrIpv4"]


def test_a_workflow_file_edited_by_hand_is_found_by_refresh_and_repaired_by_up(stack: Stack) -> None:
    target, source = next(iter(delivered_files().items()))
    url = f"{REPOSITORY}/contents/{target}"
    edited = base64.b64encode(b"name: edited by hand\n").decode()
    github(stack, "PUT", url, {"message": "edit", "content": edited, "sha": github(stack, "GET", url)["sha"]})
    assert stack.changes("--refresh") == {"update": 1}
    stack.engine.query_text("refresh", "--yes", "--skip-preview")
    stack.up()
    assert base64.b64decode(github(stack, "GET", url)["content"]).decode() == source.read_text()


def test_a_changed_budget_is_updated_in_place(stack: Stack) -> None:
    stack.set("claudefs-infra:dailyBudgetUsd", "120")
    assert stack.changes() == {"update": 1}
    stack.up()
    account_id = stack.client("sts").get_caller_identity()["Account"]
    budget = stack.client("budgets").describe_budget(AccountId=account_id, BudgetName="claudefs-local-daily")["Budget"]
    assert float(budget["BudgetLimit"]["Amount"]) == 120


def test_wrong_settings_are_all_named_before_anything_is_declared(stack: Stack) -> None:
    stack.set("claudefs-infra:dailyBudgetUsd", "0")
    stack.set("claudefs-infra:orchestratorDiskGib", "tiny")
    with pytest.raises(Exception, match="2 settings are wrong") as failure:
        stack.changes()
    said = str(failure.value)
    assert "claudefs-infra:dailyBudgetUsd is '0'" in said
    assert "pulumi config set claudefs-infra:orchestratorDiskGib 100" in said
    assert "Traceback" not in said
