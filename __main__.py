"""The Pulumi program: wires the components of one stack."""

from __future__ import annotations

from datetime import UTC, datetime

import pulumi_aws as aws

from infra.access.boundary import Boundary, BoundaryArgs, boundary_statements
from infra.access.identity import Identity, IdentityArgs
from infra.access.job_scope import resolve_job_scope
from infra.budget import Budget, BudgetArgs
from infra.config.given import given_settings
from infra.config.offered_zones import require_offered_zones
from infra.config.program_settings import load_settings, read_config
from infra.cost_guard import declare_cost_guard
from infra.declared_cluster import declare_test_cluster
from infra.managed_repository import declare_repository
from infra.network.firewall import Firewall, FirewallArgs
from infra.network.network import Network, NetworkArgs
from infra.network.node_network import NodeNetwork
from infra.observability import declare_observability
from infra.orchestrator.hours import OrchestratorHours, OrchestratorHoursArgs
from infra.orchestrator.orchestrator import Orchestrator, OrchestratorArgs
from infra.outputs import StackParts, export_outputs
from infra.role_grants import stack_grants
from infra.stack_context import SecuredStack, StackContext
from infra.storage.encryption import Encryption, EncryptionArgs
from infra.storage.storage import Storage, StorageArgs

settings = load_settings()
require_offered_zones(settings)
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
        args=OrchestratorHoursArgs(
            stack=stack, instance_id=orchestrator.instance_id, calendar=calendar, now=datetime.now(UTC)
        ),
    )
guard = declare_cost_guard(settings, stack=stack, topic_arn=budget.topic_arn, orchestrator_id=orchestrator.instance_id)
nodes = declare_test_cluster(settings, stack=stack, network=node_network, identity=identity, storage=storage)
declare_observability(
    settings,
    stack=stack,
    topic_arn=budget.topic_arn,
    orchestrator_id=orchestrator.instance_id,
    guard_alarm_arns=guard.alarms.arns,
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
        guard_state=guard.state,
        guard_function=guard.function,
        identity=identity,
        orchestrator=orchestrator,
        interruptions=nodes.interruptions,
        cluster=nodes.cluster,
        repository=repository,
        given=given_settings(read_config()),
    )
)
