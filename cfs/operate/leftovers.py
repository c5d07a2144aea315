"""Resources of ClaudeFS's former scripts and Terraform, whose names the stack cannot take over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfs.aws import AwsError
from infra.tags import MANAGED_BY_TAG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cfs.aws import AwsAccount

_ROLES = ("cfs-orchestrator-role", "cfs-spot-node-role")
_BUCKETS = (
    "claudefs-artifacts",
    "claudefs-build-cache",
    "claudefs-ci-artifacts",
    "claudefs-data",
    "claudefs-backups",
    "cfs-backups",
    "cfs-terraform-backups",
)
_BUDGET = "cfs-daily-100"
_TOPIC = "cfs-budget-alerts"
_SECURITY_GROUP = "cfs-cluster-sg"
_MACHINES = ("cfs-orchestrator", "claudefs-orchestrator")
_UNNAMEABLE = "the stack's has another name, and AWS renames none"


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """A resource that cannot be adopted.

    Attributes:
        name: What it is, and its name.
        reason: Why it cannot be adopted.
        removal: Command that removes it.
    """

    name: str
    reason: str
    removal: str


def find_leftovers(aws: AwsAccount, *, account_id: str) -> Iterator[Leftover]:
    """Yield the known leftovers that the account has."""
    region = f"--region {aws.region}"
    for role in _ROLES:
        if _exists(aws, "iam", "get_role", RoleName=role):
            yield Leftover(name=f"role {role}", reason=_UNNAMEABLE, removal=_role_removal(aws, role))
    for bucket in map(str, aws.list_items("s3", "list_buckets", "Buckets[].Name")):
        if bucket in _BUCKETS:
            yield Leftover(
                name=f"bucket {bucket}",
                reason=f"{_UNNAMEABLE}; copy what you need first",
                removal=f"aws s3 rb s3://{bucket}",
            )
    if _exists(aws, "budgets", "describe_budget", AccountId=account_id, BudgetName=_BUDGET):
        removal = f"aws budgets delete-budget --account-id {account_id} --budget-name {_BUDGET}"
        yield Leftover(name=f"budget {_BUDGET}", reason=_UNNAMEABLE, removal=removal)
    for arn in aws.list_items("sns", "list_topics", "Topics[].TopicArn"):
        if str(arn).endswith(f":{_TOPIC}"):
            removal = f"aws sns delete-topic --topic-arn {arn} {region}"
            yield Leftover(name=f"topic {_TOPIC}", reason=_UNNAMEABLE, removal=removal)
    yield from _find_machines(aws, region=region)
    groups = [{"Name": "group-name", "Values": [_SECURITY_GROUP]}]
    for group in aws.list_items("ec2", "describe_security_groups", "SecurityGroups[].GroupId", Filters=groups):
        removal = f"aws ec2 delete-security-group --group-id {group} {region}"
        yield Leftover(name=f"security group {_SECURITY_GROUP}", reason=_UNNAMEABLE, removal=removal)


def _find_machines(aws: AwsAccount, *, region: str) -> Iterator[Leftover]:
    """Yield orchestrators that this project has not launched."""
    states = ["pending", "running", "stopping", "stopped"]
    filters = [{"Name": "tag:Name", "Values": [*_MACHINES]}, {"Name": "instance-state-name", "Values": states}]
    for machine in aws.list_items("ec2", "describe_instances", "Reservations[].Instances[]", Filters=filters):
        if {"Key": "ManagedBy", "Value": MANAGED_BY_TAG} not in machine["Tags"]:
            yield Leftover(
                name=f"orchestrator {machine['InstanceId']}",
                reason="its subnet, image and disk's encryption differ, which only a new instance can have",
                removal=f"aws ec2 terminate-instances --instance-ids {machine['InstanceId']} {region}",
            )


def _role_removal(aws: AwsAccount, role: str) -> str:
    """Return the commands that remove a role, which IAM refuses while it has policies or is in a profile."""
    commands: list[str] = []
    for profile in aws.list_items(
        "iam", "list_instance_profiles_for_role", "InstanceProfiles[].InstanceProfileName", RoleName=role
    ):
        named = f"--instance-profile-name {profile}"
        commands += [
            f"aws iam remove-role-from-instance-profile {named} --role-name {role}",
            f"aws iam delete-instance-profile {named}",
        ]
    for arn in aws.list_items("iam", "list_attached_role_policies", "AttachedPolicies[].PolicyArn", RoleName=role):
        commands.append(f"aws iam detach-role-policy --role-name {role} --policy-arn {arn}")
    for policy in aws.list_items("iam", "list_role_policies", "PolicyNames", RoleName=role):
        commands.append(f"aws iam delete-role-policy --role-name {role} --policy-name {policy}")
    return " && ".join([*commands, f"aws iam delete-role --role-name {role}"])


def _exists(aws: AwsAccount, service: str, operation: str, **arguments: str) -> bool:
    try:
        aws.call_operation(service, operation, **arguments)
    except AwsError as error:
        if error.code.startswith(("NoSuch", "NotFound")):
            return False
        raise
    return True
