"""Targets of attacks: an environment's resources in an emulated account, and objects and secrets stored there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.access.job_scope import JobScope
from infra.access.machine_grants import NODE_SECRETS_PREFIX
from infra.naming import CONFIG_NAMESPACE, LOG_GROUP_PREFIX, scaling_group_name
from infra.scope import role_name
from infra.tags import PROJECT_NAME
from local.account import LOCAL_REGION

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Connect: TypeAlias = Callable[[str], Any]

NODE_GROUP = "storage-a"
_RELEASE = "releases/attacked/release.json"


@dataclass(frozen=True, kw_only=True)
class EnvironmentTarget:
    """One environment of an account.

    Attributes:
        scope: The environment's name, region, key and buckets.
        github_environment: The GitHub environment for its deployments.
        node: Instance ID of one of its nodes.
        orchestrator: Instance ID of its orchestrator.
        ciphertext: Data encrypted with its key.
    """

    scope: JobScope
    github_environment: str
    node: str
    orchestrator: str
    ciphertext: bytes

    @property
    def environment(self) -> str:
        """The environment's name."""
        return self.scope.environment

    @property
    def artifacts(self) -> str:
        """The bucket for releases."""
        return self.scope.bucket_name("artifacts")

    @property
    def state(self) -> dict[str, str]:
        """The object with the Pulumi state."""
        return {"Bucket": self._state_bucket, "Key": f".pulumi/stacks/{CONFIG_NAMESPACE}/{self.environment}.json"}

    @property
    def lock(self) -> dict[str, str]:
        """The object that locks the Pulumi state."""
        folder = f".pulumi/locks/organization/{CONFIG_NAMESPACE}/{self.environment}"
        return {"Bucket": self._state_bucket, "Key": f"{folder}/attacked.json"}

    @property
    def release(self) -> dict[str, str]:
        """The object of a release."""
        return {"Bucket": self.artifacts, "Key": _RELEASE}

    @property
    def secret(self) -> str:
        """The name of a secret of nodes."""
        return f"{NODE_SECRETS_PREFIX}{self.environment}/attacked"

    @property
    def node_logs(self) -> str:
        """The log group of nodes."""
        return f"{LOG_GROUP_PREFIX}/{self.environment}/nodes"

    @property
    def group(self) -> str:
        """The Auto Scaling group of the node."""
        return scaling_group_name(self.environment, NODE_GROUP)

    @property
    def _state_bucket(self) -> str:
        return self.scope.state_bucket_arn.rpartition(":")[2]

    def name(self, purpose: str) -> str:
        """Return the name of the environment's role or instance profile for a purpose."""
        return role_name(self.environment, purpose)


def prepare_target(connect: Connect, environment: str, *, github_environment: str) -> EnvironmentTarget:
    """Launch a node in a deployed environment, and create objects and a secret as targets of attacks.

    Args:
        connect: Returns an administrator's client for a service.
        environment: The environment.
        github_environment: The GitHub environment for its deployments.
    """
    scope = find_scope(connect, environment)
    group = scaling_group_name(environment, NODE_GROUP)
    connect("autoscaling").update_auto_scaling_group(AutoScalingGroupName=group, MaxSize=1, DesiredCapacity=1)
    encrypted = connect("kms").encrypt(KeyId=scope.key_arn, Plaintext=b"data key")
    target = EnvironmentTarget(
        scope=scope,
        github_environment=github_environment,
        node=_find_instance(connect, environment, {"aws:autoscaling:groupName": group}),
        orchestrator=_find_instance(connect, environment, {"Role": "orchestrator"}),
        ciphertext=encrypted["CiphertextBlob"],
    )
    for place in (target.state, target.lock, target.release):
        connect("s3").put_object(**place, Body=b"{}")
    connect("secretsmanager").create_secret(Name=target.secret, SecretString="token", KmsKeyId=scope.key_arn)
    return target


def find_scope(connect: Connect, environment: str) -> JobScope:
    """Return the scope of the policies of an environment's jobs."""
    [vpc] = connect("ec2").describe_vpcs(Filters=_tag_filters({"Environment": environment}))["Vpcs"]
    aliases = connect("kms").get_paginator("list_aliases").paginate().build_full_result()["Aliases"]
    [key] = [of["TargetKeyId"] for of in aliases if of["AliasName"] == f"alias/{PROJECT_NAME}-{environment}"]
    scope = JobScope(
        account_id=connect("sts").get_caller_identity()["Account"],
        region=LOCAL_REGION,
        environment=environment,
        key_arn=connect("kms").describe_key(KeyId=key)["KeyMetadata"]["Arn"],
        vpc_id=vpc["VpcId"],
        state_bucket_arn="",
    )
    return JobScope(**{**vars(scope), "state_bucket_arn": f"arn:aws:s3:::{scope.bucket_name('state')}"})


def _find_instance(connect: Connect, environment: str, tags: dict[str, str]) -> str:
    filters = _tag_filters({"Environment": environment, **tags})
    [found] = connect("ec2").describe_instances(Filters=filters)["Reservations"]
    return str(found["Instances"][0]["InstanceId"])


def _tag_filters(tags: dict[str, str]) -> list[dict[str, Any]]:
    return [{"Name": f"tag:{name}", "Values": [value]} for name, value in tags.items()]
