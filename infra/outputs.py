"""The stack's outputs in one table; a test compares docs/outputs.md with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.access.identity import Identity
    from infra.budget import Budget
    from infra.cluster.cluster import Cluster
    from infra.cluster.interruptions import Interruptions
    from infra.guard.function import GuardFunction
    from infra.guard.state import GuardState
    from infra.managed_repository import ManagedRepository
    from infra.network.firewall import Firewall
    from infra.network.network import Network
    from infra.orchestrator.orchestrator import Orchestrator
    from infra.storage.encryption import Encryption
    from infra.storage.storage import Storage

OUTPUT_DESCRIPTIONS: Mapping[str, str] = {
    "region": "the AWS region of everything below",
    "vpcId": "the VPC",
    "siteASubnetIds": "the subnets that nodes of site A run in, by zone",
    "siteBSubnetIds": "the subnets that nodes of site B run in, by zone",
    "orchestratorSecurityGroupId": "the security group of the orchestrator",
    "storageSecurityGroupId": "the security group of storage nodes and the cloud conduit",
    "clientSecurityGroupId": "the security group of clients and the Jepsen controller",
    "orchestratorId": "the orchestrator's EC2 instance",
    "orchestratorPrivateIp": "the orchestrator's address in the VPC",
    "orchestratorPublicIp": "the orchestrator's public address with egress `public-ip`, else empty",
    "orchestratorImageId": "the AMI that the orchestrator was created from",
    "orchestratorShell": "the command that opens a shell on the orchestrator",
    "orchestratorRoleArn": "the orchestrator's IAM role",
    "orchestratorInstanceProfile": "the orchestrator's instance profile",
    "nodeRoleArn": "the IAM role of all nodes",
    "nodeInstanceProfile": "the nodes' instance profile",
    "nodeGroups": "the Auto Scaling group of each node group, by the node group's name",
    "nodeLogGroup": "the CloudWatch log group for the nodes' logs",
    "stateBucket": "the bucket that holds Pulumi's state",
    "artifactBucket": "the bucket that holds releases",
    "cacheBucket": "the bucket that holds the build cache",
    "encryptionKeyArn": "the KMS key that encrypts buckets, disks, logs and alerts",
    "logGroup": "the CloudWatch log group for the agents' logs",
    "eventLogGroup": "the CloudWatch log group for node events: interruptions, terminations, failed launches",
    "dailyBudgetName": "the daily budget",
    "monthlyBudgetName": "the monthly budget",
    "alertTopicArn": "the SNS topic for alerts",
    "guardFunction": "the Lambda function that is the cost guard",
    "guardLogGroup": "the CloudWatch log group of the cost guard",
    "guardFailureQueue": "the SQS queue of events that the cost guard failed to handle",
    "agentsModeParameter": "the SSM parameter with the agents' mode: normal, economy or paused",
    "workflowFiles": "the workflow files in the GitHub repository, if this stack delivers them",
    "workflowPullRequest": "number of the pull request that delivers changed workflow files, or empty",
    "githubEnvironment": "the GitHub environment that deployments of this stack run in",
    "previewRoleArn": "the IAM role of jobs on GitHub that preview this stack",
    "deployRoleArn": "the IAM role of jobs on GitHub that deploy this stack",
    "settings": "the names of the settings that differ from their defaults",
}
"""Descriptions of the outputs, by output name."""


def shell_command(instance_id: pulumi.Output[str], *, region: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return the command that opens a shell on an instance with Session Manager, since SSH is disabled."""
    return pulumi.Output.concat("aws ssm start-session --region ", region, " --target ", instance_id)


@dataclass(frozen=True, kw_only=True)
class StackParts:
    """The parts of a stack that the outputs are read from.

    Attributes:
        region: The region reported by the provider.
        given: Names of the settings that differ from their defaults.
    """

    region: pulumi.Output[str]
    network: Network
    firewall: Firewall
    encryption: Encryption
    storage: Storage
    budget: Budget
    guard_state: GuardState
    guard_function: GuardFunction
    identity: Identity
    orchestrator: Orchestrator
    interruptions: Interruptions
    cluster: Cluster
    repository: ManagedRepository
    given: Sequence[str]


def export_outputs(parts: StackParts) -> None:
    """Export the stack's outputs."""
    machine, identity, storage = parts.orchestrator, parts.identity, parts.storage
    export_values(
        {
            "region": parts.region,
            "vpcId": parts.network.vpc_id,
            "siteASubnetIds": parts.network.node_subnet_ids["A"],
            "siteBSubnetIds": parts.network.node_subnet_ids["B"],
            "orchestratorSecurityGroupId": parts.firewall.group_ids["orchestrator"],
            "storageSecurityGroupId": parts.firewall.group_ids["storage"],
            "clientSecurityGroupId": parts.firewall.group_ids["client"],
            "orchestratorId": machine.instance_id,
            "orchestratorPrivateIp": machine.private_ip,
            "orchestratorPublicIp": machine.public_ip,
            "orchestratorImageId": machine.image_id,
            "orchestratorShell": shell_command(machine.instance_id, region=parts.region),
            "orchestratorRoleArn": identity.orchestrator_role_arn,
            "orchestratorInstanceProfile": identity.orchestrator_profile,
            "nodeRoleArn": identity.node_role_arn,
            "nodeInstanceProfile": identity.node_profile,
            "nodeGroups": parts.cluster.group_names,
            "nodeLogGroup": parts.cluster.log_group,
            "stateBucket": storage.state_bucket,
            "artifactBucket": storage.artifact_bucket,
            "cacheBucket": storage.cache_bucket,
            "encryptionKeyArn": parts.encryption.key_arn,
            "logGroup": machine.log_group,
            "eventLogGroup": parts.interruptions.log_group,
            "dailyBudgetName": parts.budget.budget_name,
            "monthlyBudgetName": parts.budget.monthly_budget_name,
            "alertTopicArn": parts.budget.topic_arn,
            "guardFunction": parts.guard_function.function_name,
            "guardLogGroup": parts.guard_function.log_group,
            "guardFailureQueue": parts.guard_function.queue_url,
            "agentsModeParameter": parts.guard_state.agents_mode_parameter,
            "workflowFiles": parts.repository.workflow_files.paths,
            "workflowPullRequest": parts.repository.workflow_files.pull_request,
            "githubEnvironment": parts.repository.deployments.environment,
            "previewRoleArn": parts.repository.access.role_arns["preview"],
            "deployRoleArn": parts.repository.access.role_arns["deploy"],
            "settings": parts.given,
        }
    )


def export_values(values: Mapping[str, pulumi.Input[object]]) -> None:
    """Export values under the names in `OUTPUT_DESCRIPTIONS`.

    Raises:
        ValueError: The names differ from the table's.
    """
    if values.keys() != OUTPUT_DESCRIPTIONS.keys():
        raise ValueError(f"the outputs differ from the table's: {sorted(values.keys() ^ OUTPUT_DESCRIPTIONS.keys())}")
    for name in OUTPUT_DESCRIPTIONS:
        pulumi.export(name, values[name])
