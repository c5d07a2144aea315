"""The Pulumi program: wires the components of one stack."""

from __future__ import annotations

from datetime import UTC, datetime

import pulumi_aws as aws

from infra.access.boundary import Boundary, BoundaryArgs, boundary_statements
from infra.access.identity import Identity, IdentityArgs
from infra.access.job_scope import resolve_job_scope
from infra.alarms.alarms import Alarms, AlarmsArgs
from infra.budget import Budget, BudgetArgs
from infra.cluster.cluster import Cluster, ClusterArgs
from infra.cluster.interruptions import Interruptions, InterruptionsArgs
from infra.cluster.node_commands import NodeCommands, NodeCommandsArgs
from infra.config.given import given_settings
from infra.config.guard_steps import resolve_steps
from infra.config.offered_zones import require_offered_zones
from infra.config.settings import load_settings, read_config
from infra.dashboards.dashboards import Dashboards, DashboardsArgs
from infra.guard.alarms import GuardAlarms, GuardAlarmsArgs
from infra.guard.anomalies import CostAnomalies, CostAnomaliesArgs
from infra.guard.function import GuardFunction, GuardFunctionArgs
from infra.guard.grants import guard_grants
from infra.guard.state import GuardState, GuardStateArgs
from infra.guard.triggers import GuardTriggers, GuardTriggersArgs
from infra.managed_repository import declare_repository
from infra.network.firewall import Firewall, FirewallArgs
from infra.network.network import Network, NetworkArgs
from infra.network.node_network import NodeNetwork
from infra.orchestrator.hours import OrchestratorHours, OrchestratorHoursArgs
from infra.orchestrator.orchestrator import Orchestrator, OrchestratorArgs
from infra.outputs import StackParts, export_outputs
from infra.role_grants import stack_grants
from infra.stack_context import SecuredStack, StackContext
from infra.storage.encryption import Encryption, EncryptionArgs
from infra.storage.storage import Storage, StorageArgs

settings = load_settings()
require_offered_zones(settings)
now = datetime.now(UTC)
region = aws.get_region_output().region
unsecured = StackContext(
    account_id=aws.get_caller_identity_output().account_id, region=settings.region, tags=settings.stack_tags
)

network = Network(
    "network",
    args=NetworkArgs(
        stack=unsecured,
        cidr=settings.vpc_cidr,
        zones=settings.network_zones,
        sites=settings.zones_by_site,
        egress=settings.egress,
        protected=settings.is_protected("orchestrator"),
    ),
)
firewall = Firewall(
    "firewall",
    args=FirewallArgs(
        stack=unsecured, vpc_id=network.vpc_id, vpc_cidr=settings.vpc_cidr, admin_cidrs=settings.admin_cidrs
    ),
)
node_network = NodeNetwork.through(network, firewall)
encryption = Encryption(
    "encryption",
    args=EncryptionArgs(
        stack=unsecured,
        protected=settings.is_protected("encryptionKey"),
        adopted_key=settings.adopt_encryption_key,
    ),
)
boundary = Boundary(
    "boundary",
    args=BoundaryArgs(
        stack=unsecured,
        key_arn=encryption.key_arn,
        purpose="boundary",
        description="The most that ClaudeFS's machines and runbooks can be allowed",
        statements=lambda scope: boundary_statements(scope, stack_grants(scope)),
    ),
)
guard_boundary = Boundary(
    "guard-boundary",
    args=BoundaryArgs(
        stack=unsecured,
        key_arn=encryption.key_arn,
        purpose="guard-boundary",
        description="The most that ClaudeFS's cost guard can be allowed",
        statements=guard_grants,
    ),
)
stack = SecuredStack(
    **vars(unsecured),
    key_arn=encryption.key_arn,
    boundary_arn=boundary.arn,
    log_retention_days=settings.log_retention_days,
)
storage = Storage(
    "storage",
    args=StorageArgs(
        stack=stack,
        adopt_state_bucket=settings.adopt_state_bucket,
        artifacts_protected=settings.is_protected("artifactBucket"),
    ),
)
budget = Budget(
    "budget",
    args=BudgetArgs(
        stack=stack,
        daily_usd=settings.daily_budget_usd,
        monthly_usd=settings.monthly_budget_usd,
        emails=settings.alert_emails,
    ),
)
identity = Identity("identity", args=IdentityArgs(stack=stack))
orchestrator = Orchestrator(
    "orchestrator",
    args=OrchestratorArgs(
        stack=stack,
        instance_type=settings.orchestrator_instance_type,
        disk_gib=settings.orchestrator_disk_gib,
        image_parameter=settings.orchestrator_image_parameter,
        network=node_network,
        instance_profile=identity.orchestrator_profile,
        repository=settings.full_repository,
        protected=settings.is_protected("orchestrator"),
    ),
)
if calendar := settings.orchestrator_calendar:
    OrchestratorHours(
        "orchestrator-hours",
        args=OrchestratorHoursArgs(stack=stack, instance_id=orchestrator.instance_id, calendar=calendar, now=now),
    )
guard_state = GuardState("guard-state", args=GuardStateArgs(stack=stack))
guard_function = GuardFunction(
    "guard-function",
    args=GuardFunctionArgs(
        stack=stack,
        boundary_arn=guard_boundary.arn,
        state=guard_state,
        topic_arn=budget.topic_arn,
        orchestrator_id=orchestrator.instance_id,
        daily_usd=settings.daily_budget_usd,
        steps=resolve_steps(settings.guard_steps),
        stops_orchestrator=settings.guard_stops_orchestrator,
        dry_run=settings.guard_dry_run,
    ),
)
GuardTriggers(
    "guard-triggers", args=GuardTriggersArgs(stack=stack, function=guard_function, topic_arn=budget.topic_arn)
)
guard_alarms = GuardAlarms(
    "guard-alarms",
    args=GuardAlarmsArgs(
        stack=stack, function=guard_function, topic_arn=budget.topic_arn, daily_usd=settings.daily_budget_usd
    ),
)
CostAnomalies("anomalies", args=CostAnomaliesArgs(stack=stack, topic_arn=budget.topic_arn))
node_commands = NodeCommands("node-commands", args=NodeCommandsArgs(stack=stack))
interruptions = Interruptions(
    "interruptions",
    args=InterruptionsArgs(stack=stack, groups=settings.all_node_groups, commands=node_commands),
)
cluster = Cluster(
    "cluster",
    args=ClusterArgs(
        stack=stack,
        groups=settings.all_node_groups,
        image_parameter=settings.node_image_parameter,
        network=node_network,
        instance_profile=identity.node_profile,
        artifact_bucket=storage.artifact_bucket,
        repository=settings.full_repository,
        calendar=settings.node_calendar,
        now=now,
    ),
)
node_groups = [group.name for group in settings.all_node_groups]
alarms = Alarms(
    "alarms",
    args=AlarmsArgs(
        stack=stack,
        topic_arn=budget.topic_arn,
        orchestrator_id=orchestrator.instance_id,
        has_orchestrator_hours=settings.orchestrator_calendar is not None,
        node_groups=node_groups,
    ),
)
Dashboards(
    "dashboards",
    args=DashboardsArgs(
        stack=stack,
        orchestrator_id=orchestrator.instance_id,
        has_orchestrator_hours=settings.orchestrator_calendar is not None,
        node_groups=node_groups,
        daily_usd=settings.daily_budget_usd,
        alarm_arns=[*alarms.arns, *guard_alarms.arns],
    ),
)
job_scope = resolve_job_scope(stack, vpc_id=network.vpc_id, state_bucket_arn=storage.state_bucket_arn)
repository = declare_repository(settings, stack=stack, scope=job_scope, storage=storage, region=region)

export_outputs(
    StackParts(
        region=region,
        network=network,
        firewall=firewall,
        encryption=encryption,
        storage=storage,
        budget=budget,
        guard_state=guard_state,
        guard_function=guard_function,
        identity=identity,
        orchestrator=orchestrator,
        interruptions=interruptions,
        cluster=cluster,
        repository=repository,
        given=given_settings(read_config()),
    )
)
