"""The commands for operators name what is wrong or exists already, and their printed commands repair or adopt it."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

from cfs.deploy.artifact_store import find_artifact_store
from cfs.deploy.releases import move_pointer
from cfs.deploy.stored_documents import Artifact, Release
from infra.naming import CONFIG_NAMESPACE, LOCAL_STACK
from infra.project import PROJECT_FOLDER
from local.project_clone import clone_project
from measure.rehearsal.aws_cli import install_aws_cli
from measure.rehearsal.runner_host import person_variables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.account import LocalAccount
    from tests.e2e.stacks import Stack

NO_PROCESS = 2**31 - 1


def run_shell(command: str, variables: Mapping[str, str], *, folder: Path = PROJECT_FOLDER, typed: str = "") -> str:
    """Run a command as a person does who pastes it into a shell."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=variables,
        input=typed,
        text=True,
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def examine(variables: Mapping[str, str], environment: str, *options: str, folder: Path) -> list[dict[str, str]]:
    """Return the doctor's findings."""
    command = f"cfs doctor --environment {environment} --json {' '.join(options)} || test $? -eq 1"
    findings: list[dict[str, str]] = json.loads(run_shell(command, variables, folder=folder))["findings"]
    return findings


def diagnose(variables: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the findings of a diagnosis that finds something wrong."""
    command = f"cfs diagnose --environment {LOCAL_STACK} --full --json || test $? -eq 1"
    findings: list[dict[str, str]] = json.loads(run_shell(command, variables))["findings"]
    return findings


def wrong(findings: list[dict[str, str]]) -> dict[str, list[dict[str, str]]]:
    """Return the wrong findings by check."""
    found: dict[str, list[dict[str, str]]] = {}
    for finding in findings:
        if finding["verdict"] == "wrong":
            found.setdefault(finding["check"], []).append(finding)
    return found


def shell_with_aws(folder: Path, variables: Mapping[str, str], *, project: Path) -> dict[str, str]:
    """Put `aws`, and the project's commands, in front of all programs."""
    install_aws_cli(folder)
    path = os.pathsep.join([str(folder), str(project / ".venv" / "bin"), variables["PATH"]])
    return {**variables, "PATH": path}


def test_before_the_first_deployment_the_printed_commands_provide_what_is_missing(
    account: LocalAccount, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    clone_project(project, account=account, stack="prod")
    variables = shell_with_aws(tmp_path / "bin", person_variables(account, folder=tmp_path), project=project)

    missing = wrong(examine(variables, "prod", "--phase", "1", folder=project))

    quotas = {"quota on demand", "quota spot", "quota Lambda"}
    secrets = {"secret cfs/github-token", "secret cfs/fireworks-api-key"}
    assert quotas | secrets | {"state key", "state bucket", "backend"} == missing.keys()
    for [finding] in (missing[check] for check in (*quotas, *secrets, "state bucket")):
        run_shell(finding["repair"], variables, folder=project, typed="value\n")
    assert wrong(examine(variables, "prod", "--phase", "1", folder=project)) == {}


def deploy_release(stack: Stack) -> str:
    """Let the pointer name a release, and return the pointer's bucket."""
    store = find_artifact_store(stack.engine.connect_aws(), LOCAL_STACK)
    release = Release(
        version="v1.0.0",
        commit="a" * 40,
        repository="local-owner/claudefs",
        signer_workflow=".github/workflows/release-build.yml",
        artifacts={"x86_64": Artifact(key=f"releases/{'a' * 40}/a.tar.zst", sha256="b" * 64, attestation="x")},
    )
    store.create_object(release.object_key, release.to_bytes())
    move_pointer(store, LOCAL_STACK, target=release.roll_out_target, previous=None, etag=None)
    return store.bucket


def break_account(stack: Stack, bucket: str) -> dict[str, str]:
    """Break one thing for each check, and return a word of each finding by its check."""
    outputs = stack.outputs()
    iam, ec2, scaling = map(stack.client, ("iam", "ec2", "autoscaling"))
    role = f"claudefs-{LOCAL_STACK}-runbooks"
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=policy)
    iam.delete_role(RoleName=role)
    group = outputs["storageSecurityGroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    ec2.delete_tags(Resources=[outputs["vpcId"]], Tags=[{"Key": "Environment"}])
    jepsen = outputs["nodeGroups"]["jepsen"]
    scaling.suspend_processes(AutoScalingGroupName=jepsen, ScalingProcesses=["ScheduledActions"])
    rules = stack.client("events").list_rules(NamePrefix=f"claudefs-{LOCAL_STACK}-")["Rules"]
    rule = next(each["Name"] for each in rules if each.get("ScheduleExpression"))
    stack.client("events").disable_rule(Name=rule)
    stack.client("service-quotas").request_service_quota_increase(
        ServiceCode="ec2", QuotaCode="L-34B43A08", DesiredValue=1
    )
    stack.client("s3").delete_object(Bucket=bucket, Key=f"environments/{LOCAL_STACK}/version.json")
    stack.client("secretsmanager").delete_secret(SecretId="cfs/github-token", RecoveryWindowInDays=7)
    alarm, cloudwatch = f"claudefs-{LOCAL_STACK}-watchdog-silent", stack.client("cloudwatch")
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="no heartbeat")
    failed = {"MetricName": "FailedTests", "Value": 3, "Dimensions": [{"Name": "Workflow", "Value": "tests-all"}]}
    cloudwatch.put_metric_data(Namespace="CFS/CI", MetricData=[failed])
    locks = stack.engine.account.backend_folder / ".pulumi/locks/organization" / CONFIG_NAMESPACE / LOCAL_STACK
    locks.mkdir(parents=True, exist_ok=True)
    holder = {"pid": NO_PROCESS, "username": "u", "hostname": os.uname().nodename}
    (locks / "stranded.json").write_text(json.dumps({**holder, "timestamp": "2026-01-01T00:00:00Z"}))
    stack.call_github("PUT", "/_control/faults/missing-workflow-scope", {})
    return {
        "roles": role,
        "firewall": group,
        "tags": outputs["vpcId"],
        "schedules": rule,
        "quota spot": "1 vCPUs",
        "release": "version.json",
        "secret cfs/github-token": "deleted",
        "alarms": alarm,
        "token": "workflow",
    }


def test_the_doctor_names_what_was_broken_and_its_commands_repair_it(stack: Stack, tmp_path: Path) -> None:
    variables = shell_with_aws(tmp_path / "bin", stack.engine.account.command_environment(), project=PROJECT_FOLDER)
    variables["CFS_LOCAL_DIR"] = str(stack.folder)

    def look(*options: str) -> list[dict[str, str]]:
        return examine(variables, LOCAL_STACK, *options, folder=PROJECT_FOLDER)

    bucket = deploy_release(stack)
    for findings in wrong(look()).values():
        run_shell(findings[0]["repair"], variables, typed="value\n")

    words = break_account(stack, bucket)
    findings = diagnose(variables)
    broken = wrong(findings)

    assert broken.keys() == words.keys()
    assert {check: word for check, word in words.items() if word not in str(broken[check])} == {}
    assert len(broken["schedules"]) == 2
    doubtful = {finding["check"]: finding for finding in findings if finding["verdict"] == "doubtful"}
    assert "3 tests of tests-all failed" in doubtful["failed tests"]["said"]
    assert "No workflow has run" in doubtful["workflows"]["said"]
    lock = doubtful["lock"]
    assert str(NO_PROCESS) in lock["said"]

    stack.call_github("DELETE", "/_control/faults")
    stack.call_github("PUT", "/_control/faults/bad-credentials", {})
    assert any("has expired" in finding["said"] for finding in look("--phase", "3"))
    stack.call_github("DELETE", "/_control/faults")

    by_command = [
        each["repair"] for check, found in broken.items() if check not in ("alarms", "token") for each in found
    ]
    for command in [lock["repair"], *by_command]:
        run_shell(command, variables)
    alarm: dict[str, Any] = {"AlarmName": words["alarms"], "StateValue": "OK", "StateReason": "heartbeats"}
    stack.client("cloudwatch").set_alarm_state(**alarm)

    after = look()
    assert wrong(after) == {}
    assert "The stack is not locked." in [finding["said"] for finding in after]


TRUST = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
READING = ("Describe", "Get", "Head", "List", "View")


def make_by_hand(stack: Stack, *, region: str) -> set[str]:
    """Make resources under the stack's names, which are returned, and under those of ClaudeFS's former scripts."""
    iam, s3, budgets = map(stack.client, ("iam", "s3", "budgets"))
    account = stack.client("sts").get_caller_identity()["Account"]
    bucket = f"claudefs-{LOCAL_STACK}-build-cache-{account}-{region}"
    for role in (f"claudefs-{LOCAL_STACK}-node", "cfs-orchestrator-role"):
        iam.create_role(
            RoleName=role, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
        )
        iam.attach_role_policy(RoleName=role, PolicyArn="arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")
    for name in (bucket, "claudefs-data"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    for name in (f"claudefs-{LOCAL_STACK}-daily", "cfs-daily-100"):
        limit = {"Amount": "70", "Unit": "USD"}
        budget = {"BudgetName": name, "BudgetLimit": limit, "TimeUnit": "DAILY", "BudgetType": "COST"}
        budgets.create_budget(AccountId=account, Budget=budget)
    named = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "cfs-orchestrator"}]}]
    image = stack.client("ec2").describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    stack.client("ec2").run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=named)
    return {f"claudefs-{LOCAL_STACK}-node", bucket, f"{account}:claudefs-{LOCAL_STACK}-daily"}


def test_what_was_made_by_hand_is_adopted_or_removed_by_the_printed_commands(
    empty_stack: Stack, tmp_path: Path
) -> None:
    stack, file = empty_stack, tmp_path / "import.json"
    variables = shell_with_aws(tmp_path / "bin", stack.engine.account.command_environment(), project=PROJECT_FOLDER)
    variables["CFS_LOCAL_DIR"] = str(stack.folder)
    made = make_by_hand(stack, region="us-west-2")
    stack.forget_actions()

    said = run_shell(f"cfs import --environment {LOCAL_STACK} --file {file}", variables)
    show, adopt = (
        line.partition("adopted: ")[2] or line.partition("adopt it: ")[2] for line in said.splitlines()[-3:-1]
    )
    shown = run_shell(show, variables)

    assert {entry["id"] for entry in json.loads(file.read_text())["resources"] if "id" in entry} == made
    assert all(f" = aws:{kind}" in " ".join(shown.split()) for kind in ("s3", "iam", "budgets"))
    actions = {action.partition(":")[2] for action in stack.called_actions()}
    assert {action for action in actions if not action.startswith(READING)} == set()
    assert stack.resources() == []

    run_shell(adopt, variables)
    removals = [line.partition(": ")[2] for line in said.splitlines() if ": aws " in line]
    for command in (line for line in removals if not line.startswith("aws s3 ")):
        run_shell(command, variables)

    assert len(removals) == 4
    assert set(stack.ids().values()) >= made
    steps = {step["urn"].rpartition("::")[2]: step["op"] for step in stack.preview() if step["op"] != "create"}
    assert steps == dict.fromkeys(("build-cache", "budget-daily", "node"), "update")
    assert "cfs-orchestrator-role" not in str(stack.client("iam").list_roles()["Roles"])
