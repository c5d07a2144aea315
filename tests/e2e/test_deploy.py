"""`cfs deploy` on the local account: what was reviewed is applied, and releases reach the nodes of the groups."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from cfs.deploy import app as deploying
from cfs.deploy.rollout import RollOutTimeouts
from local import servers
from tests.e2e.console import call_cfs
from tests.e2e.stacks import name_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Deployed
    from tests.e2e.stacks import Stack

OLD, NEW = "v0.7.0", "v0.8.0"
REPOSITORY = f"/repos/{servers.LOCAL_OWNER}/{servers.LOCAL_REPOSITORY}"


def deploy(*arguments: str, status: int = 0) -> dict[str, Any]:
    """Run `cfs deploy …` and return its JSON."""
    done = call_cfs("deploy", *arguments, "--environment", "local", "--json")
    assert done.status == status, done.stdout + done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.fixture
def reviewed_stack(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A deployed stack whose own settings `cfs deploy` reads."""
    monkeypatch.setattr("cfs.environments.PROJECT_FOLDER", stack.folder)
    return stack


def test_a_new_stack_is_made_as_reviewed(deployed_account: Deployed, deployed: Stack) -> None:
    changes = deployed_account.reviewed["review"]["changes"]
    assert {change["operation"] for change in changes} == {"create"}
    assert deployed_account.applied["changes"] == len(changes)
    assert {name_of(change["urn"]) for change in changes} == {
        name_of(of["urn"]) for of in deployed.resources() if not of["type"].startswith("pulumi:providers:")
    }


def test_what_was_reviewed_is_applied_and_nothing_else(reviewed_stack: Stack, tmp_path: Path) -> None:
    stack, file = reviewed_stack, str(tmp_path / "review.json")
    pin = {"name": "INFRA_REF", "value": "a" * 40}
    stack.call_github("POST", f"{REPOSITORY}/actions/variables", pin)
    stack.change(dailyBudgetUsd="90")
    checked_out = stack.settings.read_text()
    reviewed = deploy("preview", "--review", file)
    changes = reviewed["review"]["changes"]
    assert {change["operation"] for change in changes} == {"update"}
    assert {name_of(change["urn"]): change["properties"] for change in changes} == {
        "budget-daily": ["limitAmount"],
        "dashboard-cost": ["dashboardBody"],
        "guard": ["environment", "environment.variables.CFS_DAILY_BUDGET_USD"],
        "over-budget": ["alarmDescription", "threshold"],
    }

    # Somebody deploys another commit in between: the same change begins elsewhere, and there are other ones.
    stack.set_secret("environmentSecrets.TOKEN", "marker")
    stack.change(dailyBudgetUsd="70", logRetentionDays="90", alertEmails=["me@example.org"])
    stack.up()
    deployed = stack.settings.read_text()
    stack.settings.write_text(checked_out)
    refused = deploy("apply", "--digest", reviewed["digest"], "--review", file, "--cluster-size", "10", status=3)
    assert (
        "update aws:budgets/budget:Budget budget-daily: different properties and current state"
        in refused["differences"]
    )
    assert "not reviewed: update aws:cloudwatch/logGroup:LogGroup orchestrator" in refused["differences"]
    assert "setting claudefs-infra:clusterSize: reviewed '5', now '10'" in refused["differences"]
    assert daily_limit(stack) == 70

    # What is checked out lacks what was deployed.
    [lacking] = deploy("preview", "--review", file, status=1)["errors"]
    assert (
        "Pulumi.local.yaml lacks alertEmails, environmentSecrets.TOKEN, logRetentionDays, with which local was deployed"
        in lacking
    )

    stack.settings.write_text(deployed)
    stack.change(dailyBudgetUsd="90")
    reviewed = deploy("preview", "--review", file, "--cluster-size", "10")
    assert {name_of(change["urn"]) for change in reviewed["review"]["changes"]} >= {"storage-a", "storage-b"}
    applied = deploy("apply", "--digest", reviewed["digest"], "--review", file, "--cluster-size", "10")
    assert applied["changes"] == len(reviewed["review"]["changes"])
    assert daily_limit(stack) == 90
    groups = stack.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    sizes = {group["AutoScalingGroupName"]: tags(group["Tags"])["Nodes"] for group in groups}
    assert (sizes["claudefs-local-storage-a"], sizes["claudefs-local-storage-b"]) == ("6", "4")
    assert "TOKEN" in stack.stored_repository()["environments"]["local"]["secrets"]
    assert stack.call_github("GET", f"{REPOSITORY}/actions/variables/INFRA_REF")["value"] == pin["value"]


def daily_limit(stack: Stack) -> float:
    budget = stack.client("budgets").describe_budget(
        AccountId=stack.client("sts").get_caller_identity()["Account"], BudgetName="claudefs-local-daily"
    )["Budget"]
    return float(budget["BudgetLimit"]["Amount"])


def test_settings_that_are_wrong_are_all_named_at_once_and_give_no_digest_to_approve(
    reviewed_stack: Stack, tmp_path: Path
) -> None:
    reviewed_stack.change(
        dailyBudgetUsd="0",
        orchestratorDiskGib="tiny",
        nodeGroups={"storage-a": {"count": 501, "instanceTypes": ["i4i.large"]}, "fio": {"site": "C"}},
    )

    said = deploy("preview", "--review", str(tmp_path / "review.json"), "--cluster-size", "4", status=1)

    [error] = said["errors"]
    assert "5 settings are wrong" in error
    assert "claudefs-infra:dailyBudgetUsd is '0'" in error
    for path, repair in (
        ("orchestratorDiskGib", "100"),
        ("clusterSize", "5"),
        ("nodeGroups.storage-a.count", "5"),
        ("nodeGroups.fio.site", "A"),
    ):
        key = f"claudefs-infra:{path}"
        quoted = f"--path '{key}'" if "." in path else key
        assert f"pulumi config set {quoted} {repair}" in error
    assert "Traceback" not in error
    assert not (tmp_path / "review.json").exists()


@pytest.fixture
def nodes(stack: Stack) -> dict[str, list[str]]:
    """Start the nodes of all groups, and give their ids by role."""
    scaling = stack.client("autoscaling")
    for group in scaling.describe_auto_scaling_groups()["AutoScalingGroups"]:
        count = int(tags(group["Tags"])["Nodes"])
        scaling.update_auto_scaling_group(
            AutoScalingGroupName=group["AutoScalingGroupName"], MinSize=0, DesiredCapacity=count
        )
    found: dict[str, list[str]] = {}
    for instance in instances(stack):
        found.setdefault(tags(instance["Tags"])["Role"], []).append(instance["InstanceId"])
    return found


def tags(listed: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in listed}


def instances(stack: Stack) -> list[dict[str, Any]]:
    filters = [
        {"Name": "tag-key", "Values": ["NodeGroup"]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    reservations = stack.client("ec2").describe_instances(Filters=filters)["Reservations"]
    return [instance for reservation in reservations for instance in reservation["Instances"]]


def versions(stack: Stack) -> set[str]:
    return {tags(instance["Tags"])["Version"] for instance in instances(stack)}


def publish(folder: Path, *, version: str, commit: str) -> dict[str, Any]:
    content = version.encode()
    name = "claudefs-x86_64.tar.zst"
    (folder / name).write_bytes(content)
    (folder / f"{name}.sigstore.json").write_text("{}")
    (folder / "SHA256SUMS").write_text(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    built = ("--from", str(folder), "--version", version, "--commit", commit, "--repository", "local-owner/claudefs")
    return deploy("publish", *built)


@pytest.fixture
def hurried(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands given in this process wait a second for nodes to turn green; real ones may need minutes."""
    monkeypatch.setattr(deploying, "RollOutTimeouts", lambda: RollOutTimeouts(gate=1.0, poll=0.1))
    for name, value in stack.engine.account.account_variables().items():
        monkeypatch.setenv(name, value)


def roll_out(release: dict[str, Any], *, status: int = 0) -> dict[str, Any]:
    chosen = ("--release", release["release"], "--sha256", release["sha256"])
    return deploy("roll-out", *chosen, "--soak", "0", status=status)


@pytest.mark.usefixtures("hurried")
def test_releases_reach_the_nodes_or_are_taken_back(stack: Stack, nodes: dict[str, list[str]], tmp_path: Path) -> None:
    assert {role: len(ids) for role, ids in nodes.items()} == {"storage": 5, "client": 2, "conduit": 1, "jepsen": 1}
    old = publish(tmp_path, version=OLD, commit="a" * 40)
    new = publish(tmp_path, version=NEW, commit="b" * 40)
    assert publish(tmp_path, version=NEW, commit="b" * 40)["written"] == []
    assert roll_out(old)["nodes"] == 9
    assert versions(stack) == {OLD}

    fault = {"Key": "EmulatedFault", "Value": f"probe:{NEW} install:{NEW}"}
    stack.client("ec2").create_tags(Resources=nodes["storage"], Tags=[fault])
    failed = roll_out(new, status=3)
    assert (failed["outcome"], failed["version"]) == ("returned", OLD)
    assert versions(stack) == {OLD}

    stack.client("ec2").delete_tags(Resources=nodes["storage"], Tags=[{"Key": "EmulatedFault"}])
    assert roll_out(new)["version"] == NEW
    assert versions(stack) == {NEW}
    assert deploy("status")["nodes"] == {NEW: 9}
    assert deploy("roll-back", "--soak", "0")["version"] == OLD
    assert versions(stack) == {OLD}
