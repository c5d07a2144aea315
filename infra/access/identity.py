"""The roles of the orchestrator and of the nodes that it launches, with no more rights than their work needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pulumi
from pulumi_aws import iam

from infra.access import policies
from infra.access.policies import Scope, document
from infra.component import Component
from infra.naming import IAM_INSTANCE_PROFILE, IAM_ROLE, physical_name
from infra.storage.encryption import LOG_GROUPS
from infra.tags import PROJECT
from infra.texts import IAM_DESCRIPTION, check_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.access.policies import Statement
    from infra.tags import Role, Tags

    Grants = Mapping[str, Callable[["Reach"], tuple[Statement, ...]]]

SSM_MANAGED_INSTANCE = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
"""AWS's own policy for nodes that are reached through Session Manager instead of SSH."""

INLINE_POLICIES_LIMIT = 10_240
"""Characters of all inline policies of a role together, white space not counted:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

SECRETS = "cfs/"
"""Names of ClaudeFS's secrets begin so: `cfs/github-token`, `cfs/fireworks-api-key`."""

NODE_SECRETS = f"{SECRETS}nodes/"
"""Names of the nodes' own secrets begin so, followed by the environment. Nodes read no others."""

METRICS = "CFS/*"
"""Namespaces of ClaudeFS's metrics."""

NODE_TAGS = ("Name", "NodeNum", "Version", "BootState")
"""What a node may change of its own tags; the others decide what the orchestrator may do to it."""

Purpose = Literal["orchestrator", "node"]
"""Whose a role is."""

DESCRIPTIONS: Mapping[Purpose, str] = {
    "orchestrator": "ClaudeFS's orchestrator: runs agents, launches and stops this environment's nodes",
    "node": "ClaudeFS's nodes: read releases and their own secrets, write logs",
}


@dataclass(frozen=True, kw_only=True)
class IdentityArgs:
    """What the roles are made from.

    Attributes:
        account_id: The AWS account.
        region: Its region; the roles reach no other.
        artifact_bucket_arn: Releases: the orchestrator reads and writes them, nodes read them.
        cache_bucket_arn: The build cache, which the orchestrator also clears.
        key_arn: The KMS key of both buckets, of disks and of the topic.
        alert_topic_arn: Where the orchestrator publishes alerts.
        boundary_arn: The policy that says the most that the roles can be allowed.
        tags: The stack's tags.
    """

    account_id: pulumi.Output[str]
    region: str
    artifact_bucket_arn: pulumi.Output[str]
    cache_bucket_arn: pulumi.Output[str]
    key_arn: pulumi.Output[str]
    alert_topic_arn: pulumi.Output[str]
    boundary_arn: pulumi.Output[str]
    tags: Tags


@dataclass(frozen=True, kw_only=True)
class Reach:
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
        return f"arn:aws:iam::{self.scope.account_id}:role/{role_name(self.scope.environment, 'node')}"

    @property
    def logs(self) -> str:
        """The environment's log groups, as a pattern."""
        return f"{LOG_GROUPS}/{self.scope.environment}/*"


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
        reach = _reach(args)
        self._boundary_arn = args.boundary_arn
        node = self._role("node", role="storage", grants=NODE_GRANTS, reach=reach, tags=args.tags)
        orchestrator = self._role(
            "orchestrator", role="orchestrator", grants=ORCHESTRATOR_GRANTS, reach=reach, tags=args.tags
        )
        self.orchestrator_role_arn, self.orchestrator_profile = orchestrator
        self.node_role_arn, self.node_profile = node
        self.register_outputs(
            {
                "orchestratorRoleArn": self.orchestrator_role_arn,
                "orchestratorProfile": self.orchestrator_profile,
                "nodeRoleArn": self.node_role_arn,
                "nodeProfile": self.node_profile,
            }
        )

    def _role(
        self, purpose: Purpose, *, role: Role, grants: Grants, reach: pulumi.Output[Reach], tags: Tags
    ) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        """Declare a role with its grants and give its ARN and the name of its instance profile."""
        declared = iam.Role(
            purpose,
            name=role_name(tags.environment, purpose),
            description=check_text(IAM_DESCRIPTION, DESCRIPTIONS[purpose]),
            assume_role_policy=document(policies.trust("ec2.amazonaws.com")),
            permissions_boundary=self._boundary_arn,
            tags=tags.of(f"{purpose}-role", role=role),
            opts=self.child(),
        )
        inline = [
            iam.RolePolicy(
                f"{purpose}-{concern}",
                name=concern,
                role=declared.name,
                policy=reach.apply(lambda of, grant=grant: document(*grant(of))),  # type: ignore[misc]  # mypy infers no type for a lambda with a default
                opts=self.child(),
            )
            for concern, grant in grants.items()
        ]
        shell = iam.RolePolicyAttachment(
            f"{purpose}-ssm", role=declared.name, policy_arn=SSM_MANAGED_INSTANCE, opts=self.child()
        )
        profile = iam.InstanceProfile(
            purpose,
            name=physical_name(IAM_INSTANCE_PROFILE, PROJECT, tags.environment, purpose),
            role=declared.name,
            tags=tags.of(f"{purpose}-profile", role=role),
            # Whoever launches with the profile finds all rights in place.
            opts=self.child(depends_on=[*inline, shell]),
        )
        return declared.arn, profile.name


def role_name(environment: str, purpose: Purpose) -> str:
    """Name a role; environments of one account have roles of their own."""
    return physical_name(IAM_ROLE, PROJECT, environment, purpose)


def _reach(args: IdentityArgs) -> pulumi.Output[Reach]:
    return pulumi.Output.all(
        account_id=args.account_id,
        artifacts=args.artifact_bucket_arn,
        cache=args.cache_bucket_arn,
        key=args.key_arn,
        topic=args.alert_topic_arn,
    ).apply(
        lambda known: Reach(
            scope=Scope(account_id=known["account_id"], region=args.region, environment=args.tags.environment),
            artifact_bucket_arn=known["artifacts"],
            cache_bucket_arn=known["cache"],
            key_arn=known["key"],
            alert_topic_arn=known["topic"],
        )
    )


def _orchestrator_compute(reach: Reach) -> tuple[Statement, ...]:
    scope = reach.scope
    return (
        policies.describe_compute(),
        *policies.run_tagged_instances(scope),
        *policies.manage_tagged_instances(scope, except_role="orchestrator"),
        policies.resize_tagged_groups(scope),
        policies.pass_role(reach.node_role_arn),
        policies.use_spot(scope),
        *policies.encrypt_disks(reach.key_arn, scope),
    )


def _orchestrator_data(reach: Reach) -> tuple[Statement, ...]:
    buckets = (reach.artifact_bucket_arn, reach.cache_bucket_arn)
    return (
        policies.list_objects(buckets),
        policies.read_and_write_objects(buckets),
        policies.delete_objects(reach.cache_bucket_arn),
        policies.read_secrets(reach.scope, SECRETS),
        policies.use_key(reach.key_arn, reach.scope, services=("s3", "secretsmanager", "sns"), encrypt=True),
    )


def _orchestrator_observation(reach: Reach) -> tuple[Statement, ...]:
    return (
        policies.put_metrics(METRICS),
        policies.read_metrics(),
        policies.write_logs(reach.scope, reach.logs),
        *policies.read_costs(reach.scope, f"{PROJECT}-{reach.scope.environment}-*"),
        policies.publish(reach.alert_topic_arn),
    )


def _node(reach: Reach) -> tuple[Statement, ...]:
    return (
        policies.list_objects((reach.artifact_bucket_arn,)),
        policies.read_objects(reach.artifact_bucket_arn),
        policies.read_secrets(reach.scope, f"{NODE_SECRETS}{reach.scope.environment}/"),
        policies.use_key(reach.key_arn, reach.scope, services=("s3", "secretsmanager"), encrypt=False),
        policies.describe_instances(),
        policies.tag_itself(reach.scope, NODE_TAGS),
        policies.complete_lifecycle_actions(reach.scope),
        policies.put_metrics(METRICS),
        policies.write_logs(reach.scope, reach.logs),
    )


ORCHESTRATOR_GRANTS: Grants = {
    "models": lambda reach: policies.invoke_models(reach.scope),
    "compute": _orchestrator_compute,
    "data": _orchestrator_data,
    "observation": _orchestrator_observation,
}
"""What the orchestrator may do, by concern; each is an inline policy."""

NODE_GRANTS: Grants = {"node": _node}
"""What a node may do."""
