"""What somebody changes outside Pulumi: `cfs ci preview` tells it apart, a refresh finds it, and `up` repairs it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from cfs.cluster.auto_scaling_groups import InstancesDistribution, choose_groups, discover_groups
from cfs.cluster.on_demand_fallback import begin_fallback
from infra.github.delivery import delivered_files
from local import servers
from local.environment import LocalEnvironment
from tests.e2e.console import call_cfs
from tests.e2e.stacks import name_of, type_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.e2e.stacks import Stack

A_FILE, ITS_SOURCE = next(iter(delivered_files().items()))
FILE_URL = f"/repos/{servers.LOCAL_OWNER}/{servers.LOCAL_REPOSITORY}/contents/{A_FILE}"
RULE = [{"Name": "tag:Name", "Values": ["claudefs-local-storage-to-https"]}]
DRIFT = {
    ("update", "Instance", "orchestrator"),
    ("delete", "SecurityGroupEgressRule", "firewall-storage-to-https"),
    ("delete", "BucketPolicy", "build-cache-policy"),
    ("update", "Group", "storage-a"),
    ("update", "RepositoryFile", A_FILE),
}


def change_by_hand(stack: Stack) -> None:
    """Change, delete and edit resources of several services, and leave a fallback to on-demand capacity behind."""
    ec2 = stack.client("ec2")
    owner = {"Key": "Owner", "Value": "somebody"}
    ec2.create_tags(Resources=[stack.outputs()["orchestratorId"]], Tags=[owner])
    [rule] = ec2.describe_security_group_rules(Filters=RULE)["SecurityGroupRules"]
    ec2.revoke_security_group_egress(GroupId=rule["GroupId"], SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    stack.client("s3").delete_bucket_policy(Bucket=stack.outputs()["cacheBucket"])
    aws = stack.engine.connect_aws()
    [group] = choose_groups(discover_groups(aws, "local"), ["storage-a"])
    begin_fallback(aws, group, InstancesDistribution(base=2, percent=0))
    edited = base64.b64encode(b"name: edited by hand\n").decode()
    sha = stack.call_github("GET", FILE_URL)["sha"]
    stack.call_github("PUT", FILE_URL, {"message": "edit", "content": edited, "sha": sha})


def test_drift_is_told_apart_from_changes_found_by_refresh_and_repaired_by_up(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ec2 = stack.client("ec2")
    [rule] = ec2.describe_security_group_rules(Filters=RULE)["SecurityGroupRules"]
    policy = stack.client("s3").get_bucket_policy(Bucket=stack.outputs()["cacheBucket"])["Policy"]
    [group] = choose_groups(discover_groups(stack.engine.connect_aws(), "local"), ["storage-a"])
    change_by_hand(stack)
    stack.change(logRetentionDays="90")
    before = stack.engine.checkpoint_file.read_bytes()

    monkeypatch.setattr(LocalEnvironment, "open_engine", lambda _: stack.engine)
    file, summary = tmp_path / "look.json", tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert call_cfs("ci", "preview", "--environment", "local", "--output", str(file), "--drift").status == 0
    seen = json.loads(file.read_text())
    assert {type_of(change["urn"]) for change in seen["changes"]} == {"LogGroup"}
    assert {(of["operation"], type_of(of["urn"]), name_of(of["urn"])) for of in seen["drift"]} == DRIFT
    properties = {name_of(change["urn"]): change["properties"] for change in seen["drift"]}
    assert "tags.Owner" in properties["orchestrator"]
    assert "build-cache-policy" in summary.read_text()
    assert stack.engine.checkpoint_file.read_bytes() == before

    drifted = stack.limited_to(*(change["urn"] for change in seen["drift"]))
    found = drifted.engine.query_text("refresh", "--yes", "--skip-preview", "--diff")
    assert "somebody" in found
    assert "2 deleted" in found
    drifted.up()

    tags = {tag["Key"]: tag["Value"] for tag in ec2.describe_tags()["Tags"]}
    assert "somebody" not in tags.values()
    [again] = ec2.describe_security_group_rules(Filters=RULE)["SecurityGroupRules"]
    assert again["CidrIpv4"] == rule["CidrIpv4"]
    assert stack.client("s3").get_bucket_policy(Bucket=stack.outputs()["cacheBucket"])["Policy"] == policy
    [back] = choose_groups(discover_groups(stack.engine.connect_aws(), "local"), ["storage-a"])
    assert (back.distribution, back.fallback_from) == (group.distribution, None)
    assert base64.b64decode(stack.call_github("GET", FILE_URL)["content"]).decode() == ITS_SOURCE.read_text()
