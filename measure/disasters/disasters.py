"""The disasters: how each is caused on an emulated account, and what must hold after its recovery."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cfs.bootstrap.state_bucket import delete_all_versions
from cfs.recovery.state_versions import checkpoint_path
from cfs.sessions import connect_emulated
from cfs.stack_lock import locks_path
from local.account import LOCAL_REGION
from measure.rehearsal.rehearsed_account import ENVIRONMENT
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from measure.rehearsal.rehearsed_account import RehearsedAccount

MINUTE, HOUR = 60, 3600
LEAKED_USER = "contractor"
LOST_ZONE = "us-west-2a"

DEAD_LOCK = "b7ce9ce5-8fc3-4eaf-85ec-a7f7cc4a2ca6"
DEAD_PID = 4194304
"""One above the highest process ID of Linux on 64 bits."""


@dataclass(frozen=True, kw_only=True)
class Disaster:
    """A disaster.

    Attributes:
        heading: Heading of its section in docs/recovery.md.
        limit: Longest duration of its recovery, in seconds.
        cause: Causes it; returns shell variables for the section's commands.
        verify: Raises UserError unless the account is as before, besides the preview, which must show no change.
    """

    heading: str
    limit: float
    cause: Callable[[RehearsedAccount], dict[str, str]]
    verify: Callable[[RehearsedAccount], None] = lambda _: None


def require_unchanged(rehearsed: RehearsedAccount) -> None:
    """Raise UserError if a preview with refresh shows changes."""
    text = rehearsed.run_as_administrator(
        "sh", "-c", f"pulumi preview --refresh --json --stack {ENVIRONMENT} 2>/dev/null"
    )
    changes = {name: count for name, count in json.loads(text)["changeSummary"].items() if name != "same"}
    if changes:
        raise UserError(f"After the recovery, a preview shows changes: {changes}.", repair="see docs/recovery.md")


def read_output(rehearsed: RehearsedAccount, name: str) -> str:
    """Return one of the stack's outputs."""
    return rehearsed.run_as_administrator("pulumi", "stack", "output", name, "--stack", ENVIRONMENT).strip()


def delete_state(rehearsed: RehearsedAccount) -> dict[str, str]:
    """Overwrite the state, and delete it and its backup."""
    s3, bucket = rehearsed.connect_client("s3"), read_output(rehearsed, "stateBucket")
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=checkpoint_path(ENVIRONMENT))
    for key in (item["Key"] for item in listed["Contents"]):
        s3.put_object(Bucket=bucket, Key=key, Body=b'{"version": 3, "checkpoint": {')
        s3.delete_object(Bucket=bucket, Key=key)
    return {}


def empty_bucket(rehearsed: RehearsedAccount) -> dict[str, str]:
    """Delete all objects of the state bucket, not their versions."""
    s3, bucket = rehearsed.connect_client("s3"), read_output(rehearsed, "stateBucket")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        objects = [{"Key": item["Key"]} for item in page.get("Contents", ())]
        s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    return {}


def delete_bucket(rehearsed: RehearsedAccount) -> dict[str, str]:
    """Delete the state bucket with all versions."""
    aws = connect_emulated(url=rehearsed.account.aws_url, region=LOCAL_REGION)
    bucket = read_output(rehearsed, "stateBucket")
    delete_all_versions(aws, bucket)
    aws.call_operation("s3", "delete_bucket", Bucket=bucket)
    return {}


def schedule_key_deletion(rehearsed: RehearsedAccount) -> dict[str, str]:
    """Schedule the deletion of the environment's key."""
    key = read_output(rehearsed, "encryptionKeyArn").rpartition("/")[2]
    rehearsed.connect_client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    return {}


def strand_lock(rehearsed: RehearsedAccount) -> dict[str, str]:
    """Leave a dead process's lock in the state bucket."""
    host = rehearsed.run_as_administrator("uname", "-n").strip()
    since = datetime.now(UTC).isoformat()
    lock = {"pid": DEAD_PID, "username": "operator", "hostname": host, "timestamp": since}
    rehearsed.connect_client("s3").put_object(
        Bucket=read_output(rehearsed, "stateBucket"),
        Key=f"{locks_path(ENVIRONMENT)}{DEAD_LOCK}.json",
        Body=json.dumps(lock).encode(),
    )
    return {}


def terminate_orchestrator(rehearsed: RehearsedAccount) -> dict[str, str]:
    """Terminate the orchestrator, as a failure of its host does."""
    ec2, instance = rehearsed.connect_client("ec2"), read_output(rehearsed, "orchestratorId")
    ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": False})
    ec2.terminate_instances(InstanceIds=[instance])
    return {}


def lose_zone(rehearsed: RehearsedAccount) -> dict[str, str]:
    """Terminate all instances in a zone: the orchestrator, and nodes of site A."""
    terminate_orchestrator(rehearsed)
    ec2 = rehearsed.connect_client("ec2")
    in_zone = [
        {"Name": "availability-zone", "Values": [LOST_ZONE]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    found = ec2.describe_instances(Filters=in_zone)["Reservations"]
    ids = [instance["InstanceId"] for reservation in found for instance in reservation["Instances"]]
    if not ids:
        raise UserError(f"No node runs in {LOST_ZONE}.", repair="see measure/disasters/disasters.py")
    ec2.terminate_instances(InstanceIds=ids)
    return {}


def delete_role(rehearsed: RehearsedAccount) -> dict[str, str]:
    """Delete the nodes' role."""
    iam, role = rehearsed.connect_client("iam"), read_output(rehearsed, "nodeRoleArn").rpartition("/")[2]
    profile = read_output(rehearsed, "nodeInstanceProfile")
    iam.remove_role_from_instance_profile(InstanceProfileName=profile.rpartition("/")[2], RoleName=role)
    for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=role, PolicyArn=policy["PolicyArn"])
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=name)
    iam.delete_role(RoleName=role)
    return {}


def leak_keys(rehearsed: RehearsedAccount) -> dict[str, str]:
    """Create a user whose access key has leaked."""
    iam = rehearsed.connect_client("iam")
    iam.create_user(UserName=LEAKED_USER)
    key = iam.create_access_key(UserName=LEAKED_USER)["AccessKey"]["AccessKeyId"]
    return {"LEAKED_USER": LEAKED_USER, "LEAKED_KEY": key}


def require_no_keys(rehearsed: RehearsedAccount) -> None:
    """Raise UserError if the user still has an access key, or older sessions of the orchestrator are not refused."""
    iam = rehearsed.connect_client("iam")
    if iam.list_access_keys(UserName=LEAKED_USER)["AccessKeyMetadata"]:
        raise UserError("The leaked key still exists.", repair="see docs/recovery.md")
    iam.get_role_policy(RoleName=f"claudefs-{ENVIRONMENT}-orchestrator", PolicyName="revoke-older-sessions")


DISASTERS = (
    Disaster(heading="A deleted or damaged state", limit=HOUR, cause=delete_state),
    Disaster(heading="An emptied state bucket", limit=HOUR, cause=empty_bucket),
    Disaster(heading="A key that is pending deletion", limit=30 * MINUTE, cause=schedule_key_deletion),
    Disaster(heading="A stranded lock", limit=30 * MINUTE, cause=strand_lock),
    Disaster(heading="A deleted role", limit=30 * MINUTE, cause=delete_role),
    Disaster(heading="A lost orchestrator", limit=30 * MINUTE, cause=terminate_orchestrator),
    Disaster(heading="A lost zone", limit=30 * MINUTE, cause=lose_zone),
    Disaster(heading="Leaked access keys", limit=5 * MINUTE, cause=leak_keys, verify=require_no_keys),
    Disaster(heading="A lost bucket", limit=2 * HOUR, cause=delete_bucket),
)
"""In the order of the rehearsal, in one account."""
