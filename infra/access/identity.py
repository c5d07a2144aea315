"""The roles of the orchestrator and of the nodes that it launches, with no more rights than their work needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pulumi
from pulumi_aws import iam

from infra.access import policies
from infra.access.bounded_role import declare_bounded_role
from infra.access.policies import render_policy
from infra.component import Component
from infra.naming import IAM_INSTANCE_PROFILE, LOG_GROUP_PREFIX, physical_name
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.access.policies import Statement
    from infra.scope import Scope
    from infra.stack_context import SecuredStack
    from infra.tags import ResourceRole

    RoleGrants = Mapping[str, Callable[["RoleScope"], tuple[Statement, ...]]]

SSM_MANAGED_INSTANCE = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
"""AWS's own policy for nodes that are reached through Session Manager instead of SSH."""

INLINE_POLICIES_LIMIT = 10_240
"""Characters of all inline policies of a role together, white space not counted:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

SECRETS_PREFIX = "cfs/"
"""Names of ClaudeFS's secrets begin so: `cfs/github-token`, `cfs/fireworks-api-key`."""

NODE_SECRETS_PREFIX = f"{SECRETS_PREFIX}nodes/"
"""Names of the nodes' own secrets begin so, followed by the environment. Nodes read no others."""

METRIC_NAMESPACES = "CFS/*"
"""Namespaces of ClaudeFS's metrics."""

NODE_WRITABLE_TAGS = ("Name", "NodeNum", "Version", "BootState")
"""What a node may change of its own tags; the others decide what the orchestrator may do to it."""

MachinePurpose = Literal["orchestrator", "node"]
"""Whose a role is."""

ROLE_DESCRIPTIONS: Mapping[MachinePurpose, str] = {
    "orchestrator": "ClaudeFS's orchestrator: runs agents, launches and stops this environment's nodes",
    "node": "ClaudeFS's nodes: read releases and their own secrets, write logs",
}


@dataclass(frozen=True, kw_only=True)
class IdentityArgs:
    """Inputs of the roles.

    Attributes:
        stack: The stack.
        artifact_bucket_arn: Releases: the orchestrator reads and writes them, nodes read them.
        cache_bucket_arn: The build cache, which the orchestrator also clears.
        alert_topic_arn: Where the orchestrator publishes alerts.
    """

    stack: SecuredStack
    artifact_bucket_arn: pulumi.Output[str]
    cache_bucket_arn: pulumi.Output[str]
    alert_topic_arn: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class RoleScope:
    """What the policies name, once it is known.

    Attributes:
        scope: Where they hold.
        artifact_bucket_arn: Releases.
        cache_bucket_arn: The build cache.
        key_arn: The KMS key.
        alert_topic_arn: The topic of alerts.
    """

    scope: Scope
    artifact_bucket_arn: str
    cache_bucket_arn: str
    key_arn: str
    alert_topic_arn: str

    @property
    def node_role_arn(self) -> str:
        """The nodes' role."""
        return self.scope.role_arn("node")

    @property
    def log_group_pattern(self) -> str:
        """The environment's log groups, as a pattern."""
        return f"{LOG_GROUP_PREFIX}/{self.scope.environment}/*"


class Identity(Component):
    """Two roles with their instance profiles: the orchestrator's and the nodes'.

    Attributes:
        orchestrator_role_arn: The orchestrator's role.
        orchestrator_profile: Name of its instance profile.
        node_role_arn: The nodes' role, the only one that the orchestrator can give away.
        node_profile: Name of its instance profile.
    """

    orchestrator_role_arn: pulumi.Output[str]
    orchestrator_profile: pulumi.Output[str]
    node_role_arn: pulumi.Output[str]
    node_profile: pulumi.Output[str]

    def __init__(self, name: str, *, args: IdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the roles."""
        super().__init__(name, opts=opts)
        role_scope = _role_scope(args)
        node = self._declare_role("node", role="storage", grants=NODE_GRANTS, role_scope=role_scope, stack=args.stack)
        orchestrator = self._declare_role(
            "orchestrator", role="orchestrator", grants=ORCHESTRATOR_GRANTS, role_scope=role_scope, stack=args.stack
        )
        self.orchestrator_role_arn, self.orchestrator_profile = orchestrator
        self.node_role_arn, self.node_profile = node
        self.register_declared_outputs()

    def _declare_role(
        self,
        purpose: MachinePurpose,
        *,
        role: ResourceRole,
        grants: RoleGrants,
        role_scope: pulumi.Output[RoleScope],
        stack: SecuredStack,
    ) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        """Declare a role with its grants, and return its ARN and the name of its instance profile."""
        declared = declare_bounded_role(
            self,
            purpose,
            stack=stack,
            description=ROLE_DESCRIPTIONS[purpose],
            tag_role=role,
            trust=render_policy(policies.trust_service("ec2.amazonaws.com")),
            policies={f"{purpose}-{concern}": _render_grant(role_scope, grant) for concern, grant in grants.items()},
        )
        shell = iam.RolePolicyAttachment(
            f"{purpose}-ssm", role=declared.name, policy_arn=SSM_MANAGED_INSTANCE, opts=self.child_options()
        )
        profile = iam.InstanceProfile(
            purpose,
            name=physical_name(IAM_INSTANCE_PROFILE, PROJECT_NAME, stack.environment, purpose),
            role=declared.name,
            tags=stack.tags.for_resource(f"{purpose}-profile", role=role),
            # Whoever launches with the profile finds all rights in place.
            opts=self.child_options(depends_on=[*declared.policies, shell]),
        )
        return declared.arn, profile.name


def _render_grant(
    role_scope: pulumi.Output[RoleScope], grant: Callable[[RoleScope], tuple[Statement, ...]]
) -> pulumi.Output[str]:
    return role_scope.apply(lambda scope: render_policy(*grant(scope)))


def _role_scope(args: IdentityArgs) -> pulumi.Output[RoleScope]:
    return pulumi.Output.all(
        scope=args.stack.scope,
        artifacts=args.artifact_bucket_arn,
        cache=args.cache_bucket_arn,
        key=args.stack.key_arn,
        topic=args.alert_topic_arn,
    ).apply(
        lambda known: RoleScope(
            scope=known["scope"],
            artifact_bucket_arn=known["artifacts"],
            cache_bucket_arn=known["cache"],
            key_arn=known["key"],
            alert_topic_arn=known["topic"],
        )
    )


def _orchestrator_compute(role_scope: RoleScope) -> tuple[Statement, ...]:
    scope = role_scope.scope
    return (
        policies.describe_compute(),
        *policies.run_tagged_instances(scope),
        *policies.manage_tagged_instances(scope, except_role="orchestrator"),
        policies.resize_tagged_groups(scope),
        policies.pass_role(role_scope.node_role_arn),
        policies.create_spot_service_role(scope),
        *policies.encrypt_disks(role_scope.key_arn, scope),
    )


def _orchestrator_data(role_scope: RoleScope) -> tuple[Statement, ...]:
    buckets = (role_scope.artifact_bucket_arn, role_scope.cache_bucket_arn)
    return (
        policies.list_objects(buckets),
        policies.read_and_write_objects(buckets),
        policies.delete_objects(role_scope.cache_bucket_arn),
        policies.read_secrets(role_scope.scope, SECRETS_PREFIX),
        policies.use_key(role_scope.key_arn, role_scope.scope, services=("s3", "secretsmanager", "sns"), encrypt=True),
    )


def _orchestrator_observation(role_scope: RoleScope) -> tuple[Statement, ...]:
    return (
        policies.put_metrics(METRIC_NAMESPACES),
        policies.read_metrics(),
        policies.write_logs(role_scope.scope, role_scope.log_group_pattern),
        *policies.read_costs(role_scope.scope, f"{PROJECT_NAME}-{role_scope.scope.environment}-*"),
        policies.publish_to_topic(role_scope.alert_topic_arn),
    )


def _node_access(role_scope: RoleScope) -> tuple[Statement, ...]:
    return (
        policies.list_objects((role_scope.artifact_bucket_arn,)),
        policies.read_objects(role_scope.artifact_bucket_arn),
        policies.read_secrets(role_scope.scope, f"{NODE_SECRETS_PREFIX}{role_scope.scope.environment}/"),
        policies.use_key(role_scope.key_arn, role_scope.scope, services=("s3", "secretsmanager"), encrypt=False),
        policies.describe_instances(),
        policies.tag_own_instance(role_scope.scope, NODE_WRITABLE_TAGS),
        policies.complete_lifecycle_actions(role_scope.scope),
        policies.put_metrics(METRIC_NAMESPACES),
        policies.write_logs(role_scope.scope, role_scope.log_group_pattern),
    )


ORCHESTRATOR_GRANTS: RoleGrants = {
    "models": lambda reach: policies.invoke_models(reach.scope),
    "compute": _orchestrator_compute,
    "data": _orchestrator_data,
    "observation": _orchestrator_observation,
}
"""What the orchestrator may do, by concern; each is an inline policy."""

NODE_GRANTS: RoleGrants = {"node": _node_access}
"""What a node may do."""
