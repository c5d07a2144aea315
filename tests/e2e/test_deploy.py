"""`cfs deploy` on the local account: what was reviewed is applied, and releases reach the nodes of the groups."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from cfs.deploy import app as deploying
from cfs.deploy.rollout import RollOutTimeouts
from cli.app import app
from infra.project import PROJECT_FOLDER
from measure.killable_up import CFS_COMMAND

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Stack

DEADLINE_SECONDS = 300
OLD, NEW = "v0.7.0", "v0.8.0"


def cfs(stack: Stack, *arguments: str, status: int = 0) -> dict[str, Any]:
    """Run `cfs deploy …` and give its JSON."""
    done = subprocess.run(
        [*CFS_COMMAND, "deploy", *arguments, "--environment", "local", "--json"],
        cwd=PROJECT_FOLDER,
        env=os.environ | {"CFS_LOCAL_DIR": str(stack.engine.account.folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode == status, done.stdout + done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_what_was_reviewed_is_applied_and_nothing_else(stack: Stack, tmp_path: Path) -> None:
    file = str(tmp_path / "review.json")
    # The deployed stack has another budget than the settings file says.
    stack.set("dailyBudgetUsd", "120")
    stack.up()
    reviewed = cfs(stack, "preview", "--review", file)
    [change] = reviewed["review"]["changes"]
    assert (change["operation"], change["properties"]) == ("update", ["limitAmount"])
    assert cfs(stack, "preview", "--review", file)["digest"] == reviewed["digest"]
    written = (tmp_path / "review.json").read_text()
    assert stack.engine.query_text("config", "get", "--path", "actionsSecrets.SLACK_WEBHOOK").strip() not in written

    # Somebody deploys in between: the same change begins elsewhere, and there is another one.
    stack.set("dailyBudgetUsd", "130")
    stack.set("logRetentionDays", "90")
    stack.up()
    approved = ("apply", "--digest", reviewed["digest"], "--review", file)
    refused = cfs(stack, *approved, status=3)
    unreviewed = [difference for difference in refused["differences"] if "logGroup" in difference]
    assert "not reviewed: update aws:cloudwatch/logGroup:LogGroup orchestrator" in unreviewed
    elsewhere = [difference for difference in refused["differences"] if difference not in unreviewed]
    assert elsewhere == ["update aws:budgets/budget:Budget budget-daily: other state to start from"]
    resized = cfs(stack, *approved, "--cluster-size", "10", status=3)
    assert "setting claudefs-infra:clusterSize: reviewed '5', now '10'" in resized["differences"]
    assert limit(stack) == "130.0"

    stack.set("dailyBudgetUsd", "120")
    stack.set("logRetentionDays", "30")
    stack.up()
    assert cfs(stack, *approved)["changes"] == 1
    assert limit(stack) == "100.0"
    assert cfs(stack, "preview", "--review", file)["review"]["changes"] == []


def limit(stack: Stack) -> str:
    budget = stack.client("budgets").describe_budget(
        AccountId=stack.client("sts").get_caller_identity()["Account"], BudgetName="claudefs-local-daily"
    )["Budget"]
    amount: str = f"{float(budget['BudgetLimit']['Amount'])}"
    return amount


def test_the_size_of_the_cluster_is_reviewed_and_applied(stack: Stack, tmp_path: Path) -> None:
    file = str(tmp_path / "review.json")
    reviewed = cfs(stack, "preview", "--review", file, "--cluster-size", "10")
    assert {change["urn"].rpartition("::")[2] for change in reviewed["review"]["changes"]} >= {"storage-a", "storage-b"}
    cfs(stack, "apply", "--digest", reviewed["digest"], "--review", file, "--cluster-size", "10")
    groups = stack.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    sizes = {group["AutoScalingGroupName"]: tags(group["Tags"])["Nodes"] for group in groups}
    assert (sizes["claudefs-local-storage-a"], sizes["claudefs-local-storage-b"]) == ("6", "4")


def test_a_new_stack_has_one_digest_and_is_made_as_reviewed(empty_stack: Stack, tmp_path: Path) -> None:
    file = str(tmp_path / "review.json")
    first = cfs(empty_stack, "preview", "--review", file)
    again = cfs(empty_stack, "preview", "--review", file)
    assert first["digest"] == again["digest"]
    assert {change["operation"] for change in first["review"]["changes"]} == {"create"}
    cfs(empty_stack, "apply", "--digest", first["digest"], "--review", file)
    assert len(empty_stack.resources()) > len(first["review"]["changes"]) - 2
    assert empty_stack.changes() == {}


def test_settings_that_are_wrong_give_no_digest_to_approve(stack: Stack, tmp_path: Path) -> None:
    said = cfs(stack, "preview", "--review", str(tmp_path / "review.json"), "--cluster-size", "4", status=1)
    assert "clusterSize" in said["errors"][0]
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


def published(stack: Stack, folder: Path, *, version: str, commit: str) -> dict[str, Any]:
    content = version.encode()
    name = "claudefs-x86_64.tar.zst"
    (folder / name).write_bytes(content)
    (folder / f"{name}.sigstore.json").write_text("{}")
    (folder / "SHA256SUMS").write_text(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    built = ("--from", str(folder), "--version", version, "--commit", commit, "--repository", "local-owner/claudefs")
    return cfs(stack, "publish", *built)


@pytest.fixture
def hurried(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands given in this process wait a second for nodes to turn green; real ones may need minutes."""
    monkeypatch.setattr(deploying, "RollOutTimeouts", lambda: RollOutTimeouts(gate=1.0, poll=0.1))
    for name, value in stack.engine.account.account_variables().items():
        monkeypatch.setenv(name, value)


def hurry(*arguments: str, status: int = 0) -> dict[str, Any]:
    """Return `cfs deploy …` in this process, and read its JSON."""
    done = CliRunner().invoke(app, ["deploy", *arguments, "--environment", "local", "--soak", "0", "--json"])
    assert done.exit_code == status, done.output
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def roll_out(release: dict[str, Any], *, status: int = 0) -> dict[str, Any]:
    return hurry("roll-out", "--release", release["release"], "--sha256", release["sha256"], status=status)


@pytest.mark.usefixtures("hurried")
def test_releases_reach_the_nodes_or_are_taken_back(stack: Stack, nodes: dict[str, list[str]], tmp_path: Path) -> None:
    assert {role: len(ids) for role, ids in nodes.items()} == {"storage": 5, "client": 2, "conduit": 1, "jepsen": 1}
    old = published(stack, tmp_path, version=OLD, commit="a" * 40)
    new = published(stack, tmp_path, version=NEW, commit="b" * 40)
    assert published(stack, tmp_path, version=NEW, commit="b" * 40)["written"] == []
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
    assert cfs(stack, "status")["nodes"] == {NEW: 9}
    assert hurry("roll-back")["version"] == OLD
    assert versions(stack) == {OLD}
