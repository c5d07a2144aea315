"""Roles and instance profiles of the orchestrator and the nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pulumi_aws import iam

from infra.access.bounded_role import declare_bounded_role
from infra.access.machine_grants import NODE_GRANTS, ORCHESTRATOR_GRANTS
from infra.access.statements import trust_service
from infra.component import Component
from infra.naming import IAM_INSTANCE_PROFILE, physical_name
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from infra.access.machine_grants import RoleGrants
    from infra.stack_context import SecuredStack
    from infra.tags import ResourceRole

SSM_MANAGED_INSTANCE = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
"""AWS managed policy for instances that use Session Manager, which replaces SSH."""

MachinePurpose = Literal["orchestrator", "node"]
"""Kind of machine that uses a role."""

ROLE_DESCRIPTIONS: Mapping[MachinePurpose, str] = {
    "orchestrator": "ClaudeFS's orchestrator: runs agents, launches and stops this environment's nodes",
    "node": "ClaudeFS's nodes: read releases and their own secrets, write logs",
}


@dataclass(frozen=True, kw_only=True)
class IdentityArgs:
    """Inputs of the roles.

    Attributes:
        stack: The stack.
    """

    stack: SecuredStack


class Identity(Component):
    """The roles and instance profiles of the orchestrator and the nodes.

    Attributes:
        orchestrator_role_arn: ARN of the orchestrator's role.
        orchestrator_profile: Name of the orchestrator's instance profile.
        node_role_arn: ARN of the nodes' role, the only role that the orchestrator may pass.
        node_profile: Name of the nodes' instance profile.
    """

    orchestrator_role_arn: pulumi.Output[str]
    orchestrator_profile: pulumi.Output[str]
    node_role_arn: pulumi.Output[str]
    node_profile: pulumi.Output[str]

    def __init__(self, name: str, *, args: IdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the roles."""
        super().__init__(name, opts=opts)
        self._args = args
        self.node_role_arn, self.node_profile = self._declare_role("node", role="storage", grants=NODE_GRANTS)
        self.orchestrator_role_arn, self.orchestrator_profile = self._declare_role(
            "orchestrator", role="orchestrator", grants=ORCHESTRATOR_GRANTS
        )
        self.register_declared_outputs()

    def _declare_role(
        self, purpose: MachinePurpose, *, role: ResourceRole, grants: RoleGrants
    ) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        """Declare a role with its grants, and return its ARN and the name of its instance profile."""
        stack = self._args.stack
        declared = declare_bounded_role(
            self,
            purpose,
            stack=stack,
            description=ROLE_DESCRIPTIONS[purpose],
            tag_role=role,
            trust=trust_service("ec2.amazonaws.com"),
            grants={f"{purpose}-{concern}": stack.secured_scope.apply(grant) for concern, grant in grants.items()},
        )
        shell = iam.RolePolicyAttachment(
            f"{purpose}-ssm", role=declared.name, policy_arn=SSM_MANAGED_INSTANCE, opts=self.child_options()
        )
        profile = iam.InstanceProfile(
            purpose,
            name=physical_name(IAM_INSTANCE_PROFILE, PROJECT_NAME, stack.environment, purpose),
            role=declared.name,
            tags=stack.tags.for_resource(f"{purpose}-profile", role=role),
            # Instances that are launched with the profile must have all permissions.
            opts=self.child_options(depends_on=[*declared.policies, shell]),
        )
        return declared.arn, profile.name
