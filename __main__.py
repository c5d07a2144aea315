"""ClaudeFS's infrastructure: wires the components of one stack."""

from __future__ import annotations

from datetime import UTC, datetime

import pulumi_aws as aws

from infra import outputs
from infra.access.boundary import Boundary, BoundaryArgs
from infra.access.identity import Identity, IdentityArgs
from infra.budget import Budget, BudgetArgs
from infra.cluster.cluster import Cluster, ClusterArgs, scaling_group_name
from infra.cluster.interruptions import Interruptions, InterruptionsArgs
from infra.cluster.node_commands import NodeCommands, NodeCommandsArgs
from infra.config.given import given_settings
from infra.config.settings import load_settings, read_config
from infra.github.environments import Approval, DeploymentEnvironment, DeploymentEnvironmentArgs
from infra.github.jobs_access import GitHubAccess, GitHubAccessArgs, token_subjects
from infra.github.repository import Repository, RepositoryArgs
from infra.github.workflow_files import WorkflowFiles, WorkflowFilesArgs
from infra.network.firewall import Firewall, FirewallArgs
from infra.network.network import Network, NetworkArgs
from infra.orchestrator.hours import OrchestratorHours, OrchestratorHoursArgs
from infra.orchestrator.orchestrator import Orchestrator, OrchestratorArgs
from infra.role_grants import stack_grants
from infra.storage.encryption import Encryption, EncryptionArgs
from infra.storage.storage import Storage, StorageArgs

settings = load_settings()
account_id = aws.get_caller_identity_output().account_id
region = aws.get_region_output().region
tags = settings.stack_tags
now = datetime.now(UTC)

network = Network(
    "network",
    args=NetworkArgs(
        cidr=settings.vpc_cidr,
        region=settings.region,
        zones=settings.network_zones,
        sites=settings.zones_by_site,
        egress=settings.egress,
        protected=settings.is_protected("orchestrator"),
        tags=tags,
    ),
)
firewall = Firewall(
    "firewall",
    args=FirewallArgs(vpc_id=network.vpc_id, vpc_cidr=settings.vpc_cidr, admin_cidrs=settings.admin_cidrs, tags=tags),
)
encryption = Encryption(
    "encryption",
    args=EncryptionArgs(
        account_id=account_id, region=settings.region, protected=settings.is_protected("encryptionKey"), tags=tags
    ),
)
storage = Storage(
    "storage",
    args=StorageArgs(
        account_id=account_id,
        region=settings.region,
        key_arn=encryption.key_arn,
        adopt_state_bucket=settings.adopt_state_bucket,
        artifacts_protected=settings.is_protected("artifactBucket"),
        tags=tags,
    ),
)
budget = Budget(
    "budget",
    args=BudgetArgs(
        account_id=account_id,
        daily_usd=settings.daily_budget_usd,
        monthly_usd=settings.monthly_budget_usd,
        emails=settings.alert_emails,
        key_arn=encryption.key_arn,
        tags=tags,
    ),
)
boundary = Boundary(
    "boundary",
    args=BoundaryArgs(account_id=account_id, region=settings.region, grants=stack_grants, tags=tags),
)
identity = Identity(
    "identity",
    args=IdentityArgs(
        account_id=account_id,
        region=settings.region,
        artifact_bucket_arn=storage.artifact_bucket_arn,
        cache_bucket_arn=storage.cache_bucket_arn,
        key_arn=encryption.key_arn,
        alert_topic_arn=budget.topic_arn,
        boundary_arn=boundary.arn,
        tags=tags,
    ),
)
orchestrator = Orchestrator(
    "orchestrator",
    args=OrchestratorArgs(
        instance_type=settings.orchestrator_instance_type,
        disk_gib=settings.orchestrator_disk_gib,
        image_parameter=settings.orchestrator_image_parameter,
        subnet_id=network.node_subnet_ids("A")[0],
        security_group_id=firewall.group_ids["orchestrator"],
        after=[network, firewall],
        assign_public_ip=network.assigns_public_ips,
        instance_profile=identity.orchestrator_profile,
        key_arn=encryption.key_arn,
        region=settings.region,
        repository=f"{settings.github_owner}/{settings.github_repository}",
        log_retention_days=settings.log_retention_days,
        protected=settings.is_protected("orchestrator"),
        tags=tags,
    ),
)
node_commands = NodeCommands("node-commands", args=NodeCommandsArgs(tags=tags))
interruptions = Interruptions(
    "interruptions",
    args=InterruptionsArgs(
        account_id=account_id,
        region=settings.region,
        group_names=[scaling_group_name(settings.environment, group) for group in settings.all_node_groups],
        commands=node_commands,
        key_arn=encryption.key_arn,
        log_retention_days=settings.log_retention_days,
        boundary_arn=boundary.arn,
        tags=tags,
    ),
)
if calendar := settings.orchestrator_calendar:
    OrchestratorHours(
        "orchestrator-hours",
        args=OrchestratorHoursArgs(
            instance_id=orchestrator.instance_id,
            key_arn=encryption.key_arn,
            calendar=calendar,
            now=now,
            account_id=account_id,
            region=settings.region,
            boundary_arn=boundary.arn,
            tags=tags,
        ),
    )
cluster = Cluster(
    "cluster",
    args=ClusterArgs(
        groups=settings.all_node_groups,
        image_parameter=settings.node_image_parameter,
        subnet_ids={site: network.node_subnet_ids(site) for site in settings.zones_by_site},
        security_group_ids=firewall.group_ids,
        after=[network, firewall],
        assign_public_ip=network.assigns_public_ips,
        instance_profile=identity.node_profile,
        key_arn=encryption.key_arn,
        artifact_bucket=storage.artifact_bucket,
        region=settings.region,
        repository=f"{settings.github_owner}/{settings.github_repository}",
        log_retention_days=settings.log_retention_days,
        calendar=settings.node_calendar,
        now=now,
        tags=tags,
    ),
)
access = GitHubAccess(
    "github-access",
    args=GitHubAccessArgs(
        account_id=account_id,
        region=settings.region,
        creates_provider=settings.github_oidc_provider == "create",
        subjects=token_subjects(
            prefix=settings.github_subject_prefix,
            environment=settings.github_environment,
            builds=settings.manages_repository,
        ),
        vpc_id=network.vpc_id,
        key_arn=encryption.key_arn,
        state_bucket_arn=storage.state_bucket_arn,
        artifact_bucket_arn=storage.artifact_bucket_arn,
        cache_bucket_arn=storage.cache_bucket_arn,
        tags=tags,
    ),
)
job_variables = {
    "AWS_REGION": region,
    "PULUMI_STACK": settings.environment,
    "STATE_BUCKET": storage.state_bucket,
    "ARTIFACT_BUCKET": storage.artifact_bucket,
}
repository = Repository(
    "repository",
    args=RepositoryArgs(
        repository=settings.github_repository,
        managed=settings.manages_repository,
        variables={
            "AWS_REGION": region,
            "CACHE_BUCKET": storage.cache_bucket,
            "CACHE_ROLE_ARN": access.role_arns["ci-read"],
            "AWS_ROLE_ARN": access.role_arns["ci-write"],
            # INFRA_REPOSITORY and INFRA_REF, which say what jobs deploy with, are not for a deployment to set.
            "PREVIEW_ENVIRONMENTS": settings.preview_environments_json,
        },
        secrets=settings.actions_secrets,
    ),
)
workflow_files = WorkflowFiles(
    "workflow-files",
    args=WorkflowFilesArgs(
        repository=settings.github_repository,
        delivered=settings.manages_repository,
        delivery=settings.workflow_delivery,
    ),
)
deployments = DeploymentEnvironment(
    "deployments",
    args=DeploymentEnvironmentArgs(
        repository=settings.github_repository,
        environment=settings.github_environment,
        branches=settings.deployment_branches,
        approval=Approval(
            users=settings.reviewer_users,
            teams=settings.reviewer_teams,
            prevent_self_review=settings.prevent_self_review,
            wait_minutes=settings.deployment_wait_minutes,
        ),
        variables={**job_variables, "AWS_ROLE_ARN": access.role_arns["deploy"]},
        secrets=settings.environment_secrets,
    ),
)
previews = DeploymentEnvironment(
    "previews",
    args=DeploymentEnvironmentArgs(
        repository=settings.github_repository,
        environment=f"{settings.github_environment}-preview",
        branches=settings.preview_branches,
        variables={**job_variables, "AWS_ROLE_ARN": access.role_arns["preview"]},
        secrets=settings.preview_secrets,
    ),
)

outputs.export_outputs(
    {
        "region": region,
        "vpcId": network.vpc_id,
        "siteASubnetIds": network.node_subnet_ids("A"),
        "siteBSubnetIds": network.node_subnet_ids("B"),
        "orchestratorSecurityGroupId": firewall.group_ids["orchestrator"],
        "storageSecurityGroupId": firewall.group_ids["storage"],
        "clientSecurityGroupId": firewall.group_ids["client"],
        "orchestratorId": orchestrator.instance_id,
        "orchestratorPrivateIp": orchestrator.private_ip,
        "orchestratorPublicIp": orchestrator.public_ip,
        "orchestratorImageId": orchestrator.image_id,
        "orchestratorShell": outputs.shell_command(orchestrator.instance_id, region=settings.region),
        "orchestratorRoleArn": identity.orchestrator_role_arn,
        "orchestratorInstanceProfile": identity.orchestrator_profile,
        "nodeRoleArn": identity.node_role_arn,
        "nodeInstanceProfile": identity.node_profile,
        "nodeGroups": cluster.group_names,
        "nodeLogGroup": cluster.log_group,
        "stateBucket": storage.state_bucket,
        "artifactBucket": storage.artifact_bucket,
        "cacheBucket": storage.cache_bucket,
        "encryptionKeyArn": encryption.key_arn,
        "logGroup": orchestrator.log_group,
        "eventLogGroup": interruptions.log_group,
        "dailyBudgetName": budget.budget_name,
        "monthlyBudgetName": budget.monthly_budget_name,
        "alertTopicArn": budget.topic_arn,
        "workflowFiles": workflow_files.paths,
        "workflowPullRequest": workflow_files.pull_request,
        "githubEnvironment": deployments.environment,
        "previewRoleArn": access.role_arns["preview"],
        "deployRoleArn": access.role_arns["deploy"],
        "settings": given_settings(read_config()),
    }
)
