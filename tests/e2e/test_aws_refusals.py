"""Mistakes that AWS refuses are refused here, with AWS's error, by the real engine and provider."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import yaml

from infra.project import PROJECT_FOLDER
from local.aws.api_rules.request_check import CHECKS_PATH

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.stacks import Stack

PROGRAM = """
import base64
import json

from pulumi_aws import autoscaling, budgets, cloudwatch, ec2, iam, s3, ssm


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
allow = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
role = iam.Role("role", name="nodes", assume_role_policy=document(trust))
template = ec2.LaunchTemplate("nodes", name="nodes", image_id="ami-12345678", instance_type="t3.micro")
network = ec2.Vpc("network", cidr_block="10.0.0.0/16")
subnet = ec2.Subnet("subnet", vpc_id=network.id, cidr_block="10.0.0.0/24", availability_zone="us-west-2a")
group = autoscaling.Group(
    "nodes", name="nodes", min_size=0, max_size=1, vpc_zone_identifiers=[subnet.id],
    launch_template={"id": template.id, "version": "1"}, wait_for_capacity_timeout="0",
)

ec2.SecurityGroup("apostrophe", description="The nodes' group", egress=[], ingress=[])
iam.RolePolicy("large-policy", role=role.name, policy=document({**allow, "Sid": "a" * 10240}))
iam.Role("large-trust", assume_role_policy=document({**trust, "Sid": "a" * 2048}))
ec2.LaunchTemplate(
    "large-user-data", image_id="ami-12345678", user_data=base64.b64encode(b"a" * 16385).decode()
)
autoscaling.Schedule(
    "past-schedule", scheduled_action_name="stop", autoscaling_group_name=group.name,
    min_size=0, max_size=0, desired_capacity=0, start_time="2026-01-05T09:00:00Z",
)
s3.Bucket("reserved-bucket", bucket="sthree-artifacts")
budgets.Budget(
    "two-topics", budget_type="COST", time_unit="DAILY", limit_amount="100", limit_unit="USD",
    notifications=[{
        "comparison_operator": "GREATER_THAN", "notification_type": "ACTUAL", "threshold": 80,
        "threshold_type": "PERCENTAGE",
        "subscriber_sns_topic_arns": [f"arn:aws:sns:us-west-2:111122223333:{name}" for name in ("a", "b")],
    }],
)
cloudwatch.EventRule("plural-rate", schedule_expression="rate(1 minutes)")
cloudwatch.MetricAlarm(
    "long-alarm", comparison_operator="LessThanThreshold", evaluation_periods=289, period=300, threshold=1,
    metric_name="Invocations", namespace="AWS/Lambda", statistic="Sum",
)
ssm.Parameter("reserved-parameter", name="aws-mode", type="String", value="normal")
"""
REFUSALS = {
    "apostrophe": "InvalidParameterValue: Invalid security group description. Valid descriptions are strings",
    "large-policy": "LimitExceeded: Maximum policy size of 10240 bytes exceeded for role",
    "large-trust": "LimitExceeded: Cannot exceed quota for ACLSizePerRole: 2048",
    "large-user-data": "InvalidParameterValue: User data is limited to 16384 bytes",
    "past-schedule": "ValidationError: Given start time is in the past",
    "reserved-bucket": "InvalidBucketName: The specified bucket is not valid.",
    "two-topics": "InvalidParameterException: A notification has 1 to 11 subscribers",
    "plural-rate": "ValidationException: Parameter ScheduleExpression is not valid.",
    "long-alarm": "ValidationError: Metrics cannot be checked across more than a day",
    "reserved-parameter": "ValidationException: Parameter name: can't be prefixed with",
}


def test_mistakes_that_aws_refuses_fail_with_its_error(empty_stack: Stack, tmp_path: Path) -> None:
    refused = deploy_program(empty_stack, tmp_path)
    missing = {name: text for name, text in REFUSALS.items() if text not in refused.get(name, "")}
    assert missing == {}, {name: refused.get(name) for name in (*missing, *(set(refused) - set(REFUSALS)))}
    assert sorted(refused) == sorted(REFUSALS)


def test_every_call_of_a_deployment_is_checked(deployed: Stack) -> None:
    deployed.preview("--refresh")
    checks = deployed.control_account(CHECKS_PATH)
    assert checks["on"]
    assert checks["unread"] == {}
    assert checks["refused"] == []
    assert len(checks["operations"]) > 50


def deploy_program(stack: Stack, folder: Path) -> dict[str, str]:
    """Deploy the program, and return the errors of its resources by their names."""
    runtime = {"name": "python", "options": {"toolchain": "pip", "virtualenv": str(PROJECT_FOLDER / ".venv")}}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "mistakes", "runtime": runtime}))
    (folder / "__main__.py").write_text(PROGRAM)
    account = stack.engine.account
    pulumi = f"{account.toolchain.path[0]}/pulumi"
    for arguments in (
        ("stack", "init", "local"),
        ("up", "--stack", "local", "--yes", "--skip-preview", "--continue-on-error", "--json"),
    ):
        run = subprocess.run(
            [pulumi, *arguments, "--non-interactive"],
            cwd=folder,
            env=account.command_environment(),
            text=True,
            check=False,
            capture_output=True,
            timeout=120,
        )
    assert run.returncode
    events = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    errors = [event["diagnosticEvent"] for event in events if "diagnosticEvent" in event]
    return {
        error["urn"].rpartition("::")[2]: error["message"]
        for error in errors
        if error.get("severity") == "error" and "::aws:" in error.get("urn", "")
    }
