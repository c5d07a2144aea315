"""Roles of machines and services, each with a trust policy, inline policies, and a permissions boundary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import iam

from infra.access.statements import Statement, render_policy
from infra.scope import role_name
from infra.texts import IAM_DESCRIPTION, check_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.component import Component
    from infra.stack_context import SecuredStack
    from infra.tags import ResourceRole


@dataclass(frozen=True, kw_only=True)
class BoundedRole:
    """A declared role.

    Attributes:
        arn: ARN of the role.
        name: Name of the role.
        policies: Inline policies of the role; resources that use the role should depend on them.
    """

    arn: pulumi.Output[str]
    name: pulumi.Output[str]
    policies: Sequence[iam.RolePolicy]


def declare_bounded_role(  # noqa: PLR0913 — one argument for each part of a role
    parent: Component,
    purpose: str,
    *,
    stack: SecuredStack,
    description: str,
    tag_role: ResourceRole,
    trust: pulumi.Input[Statement],
    grants: Mapping[str, pulumi.Output[tuple[Statement, ...]]],
) -> BoundedRole:
    """Declare a role as a child of a component.

    Args:
        parent: The component.
        purpose: Last part of the role's name; also its logical name.
        stack: The stack that owns it.
        description: Description of the role in IAM.
        tag_role: Value of the tag `Role`.
        trust: The statement of the trust policy.
        grants: Inline policies by logical name: `<purpose>` or `<purpose>-<concern>`.
    """
    role = iam.Role(
        purpose,
        name=role_name(stack.environment, purpose),
        description=check_text(IAM_DESCRIPTION, description),
        assume_role_policy=pulumi.Output.from_input(trust).apply(render_policy),
        permissions_boundary=stack.boundary_arn,
        tags=stack.tags.for_resource(f"{purpose}-role", role=tag_role),
        opts=parent.child_options(),
    )
    inline = [
        iam.RolePolicy(
            name,
            name=name.removeprefix(f"{purpose}-"),
            role=role.name,
            policy=statements.apply(lambda granted: render_policy(*granted)),
            opts=parent.child_options(),
        )
        for name, statements in grants.items()
    ]
    return BoundedRole(arn=role.arn, name=role.name, policies=inline)
