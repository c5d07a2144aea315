"""ClaudeFS's infrastructure: wires the components of one stack."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.budget import Budget, BudgetArgs
from infra.identity import Identity, IdentityArgs
from infra.network import Network, NetworkArgs
from infra.orchestrator import Orchestrator, OrchestratorArgs
from infra.repository import Repository, RepositoryArgs
from infra.settings import load
from infra.storage import Storage, StorageArgs

settings = load()
account_id = aws.get_caller_identity_output().account_id
region = aws.get_region_output().region
tags = settings.tags

network = Network("network", args=NetworkArgs(cidr=settings.vpc_cidr, tags=tags))
storage = Storage(
    "storage",
    args=StorageArgs(
        account_id=account_id,
        region=region,
        tags=tags,
        artifacts_protected=settings.protects("artifactBucket"),
    ),
)
identity = Identity("identity", args=IdentityArgs(artifact_bucket_arn=storage.artifact_bucket_arn, tags=tags))
orchestrator = Orchestrator(
    "orchestrator",
    args=OrchestratorArgs(
        instance_type=settings.orchestrator_instance_type,
        disk_gib=settings.orchestrator_disk_gib,
        image_parameter=settings.orchestrator_image_parameter,
        subnet_id=network.subnet_id,
        security_group_id=network.security_group_id,
        instance_profile=identity.orchestrator_profile,
        protected=settings.protects("orchestrator"),
        tags=tags,
    ),
)
budget = Budget(
    "budget",
    args=BudgetArgs(
        account_id=account_id, daily_usd=settings.daily_budget_usd, emails=settings.alert_emails, tags=tags
    ),
)
repository = Repository(
    "repository",
    args=RepositoryArgs(
        repository=settings.github_repository,
        variables={"AWS_REGION": region},
        secrets=settings.actions_secrets,
    ),
)

pulumi.export("orchestratorId", orchestrator.instance_id)
pulumi.export("orchestratorPrivateIp", orchestrator.private_ip)
pulumi.export("orchestratorRoleArn", identity.orchestrator_role_arn)
pulumi.export("vpcId", network.vpc_id)
pulumi.export("stateBucket", storage.state_bucket)
pulumi.export("artifactBucket", storage.artifact_bucket)
pulumi.export("budgetName", budget.budget_name)
pulumi.export("alertTopicArn", budget.topic_arn)
pulumi.export("workflowFiles", repository.workflow_files)
