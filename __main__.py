"""ClaudeFS's infrastructure: wires the components of one stack."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.budget import Budget, BudgetArgs
from infra.firewall import Firewall, FirewallArgs
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

network = Network(
    "network",
    args=NetworkArgs(
        cidr=settings.vpc_cidr,
        region=settings.region,
        zones=settings.zones,
        sites=settings.sites,
        egress=settings.egress,
        tags=tags,
    ),
)
firewall = Firewall(
    "firewall",
    args=FirewallArgs(vpc_id=network.vpc_id, vpc_cidr=settings.vpc_cidr, admin_cidrs=settings.admin_cidrs, tags=tags),
)
key = aws.kms.Key("key", tags=tags.of("key", role="encryption"), opts=pulumi.ResourceOptions(protect=True))
storage = Storage(
    "storage",
    args=StorageArgs(
        account_id=account_id,
        region=settings.region,
        key_arn=key.arn,
        adopt_state_bucket=settings.adopt_state_bucket,
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
        subnet_id=network.node_subnet_ids("A")[0],
        security_group_id=firewall.group_ids["orchestrator"],
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
