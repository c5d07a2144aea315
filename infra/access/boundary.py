"""The most that the stack's machines and runbooks can ever be allowed, whoever writes their policies.

A permissions boundary grants nothing; a role can do what its policies and its boundary both allow. Jobs on GitHub may
change the policies of those roles, though not this one:
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pulumi_aws import iam

from infra.access.statements import EVERYTHING, Statement, render_policy
from infra.component import Component
from infra.naming import IAM_POLICY, physical_name
from infra.tags import PROJECT_NAME
from infra.texts import IAM_DESCRIPTION, check_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pulumi

    from infra.scope import Scope
    from infra.stack_context import StackContext

SESSION_MANAGER_ACTIONS = (
    "ec2messages:AcknowledgeMessage",
    "ec2messages:DeleteMessage",
    "ec2messages:FailMessage",
    "ec2messages:GetEndpoint",
    "ec2messages:GetMessages",
    "ec2messages:SendReply",
    "ssm:DescribeAssociation",
    "ssm:DescribeDocument",
    "ssm:GetDeployablePatchSnapshotForInstance",
    "ssm:GetDocument",
    "ssm:GetManifest",
    "ssm:GetParameter",
    "ssm:GetParameters",
    "ssm:ListAssociations",
    "ssm:ListInstanceAssociations",
    "ssm:PutComplianceItems",
    "ssm:PutConfigurePackageResult",
    "ssm:PutInventory",
    "ssm:UpdateAssociationStatus",
    "ssm:UpdateInstanceAssociationStatus",
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)
"""What AWS's own policy AmazonSSMManagedInstanceCore allows:
https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonSSMManagedInstanceCore.html"""


@dataclass(frozen=True, kw_only=True)
class BoundaryArgs:
    """Inputs of the boundary.

    Attributes:
        stack: The stack.
        grants: Returns all that the stack grants to its own roles.
    """

    stack: StackContext
    grants: Callable[[Scope], Iterable[Statement]]


class Boundary(Component):
    """The policy that is the boundary of every role of the stack but those of jobs.

    Attributes:
        arn: The policy.
    """

    arn: pulumi.Output[str]

    def __init__(self, name: str, *, args: BoundaryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the policy."""
        super().__init__(name, opts=opts)
        policy = iam.Policy(
            name,
            name=boundary_policy_name(args.stack.environment),
            description=check_text(IAM_DESCRIPTION, "The most that ClaudeFS's machines and runbooks can be allowed"),
            policy=args.stack.scope.apply(lambda scope: render_policy(*boundary_statements(args.grants(scope)))),
            tags=args.stack.tags.for_resource("boundary", role="delivery"),
            opts=self.child_options(),
        )
        self.arn = policy.arn
        self.register_declared_outputs()


def boundary_policy_name(environment: str) -> str:
    """Name the policy."""
    return physical_name(IAM_POLICY, PROJECT_NAME, environment, "boundary")


def boundary_policy_arn(scope: Scope) -> str:
    """Return the policy's ARN."""
    return scope.iam_arn(f"policy/{boundary_policy_name(scope.environment)}")


def boundary_statements(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    """Return the statements of a boundary around some grants.

    The grants' own resources and conditions are left out, so that it fits IAM's limit, but for those on IAM itself: to
    give away or to make a role is how rights are widened.
    """
    given = tuple(statements)
    others = {action for statement in given for action in statement.actions if not _is_iam_statement(statement)}
    on_iam = (statement for statement in given if _is_iam_statement(statement))
    return (
        Statement(
            sid="AtMost",
            actions=tuple(sorted({*others, *SESSION_MANAGER_ACTIONS})),
            resources=(EVERYTHING,),
        ),
        *(replace(statement, sid=f"OnIam{number}") for number, statement in enumerate(on_iam, start=1)),
    )


def _is_iam_statement(statement: Statement) -> bool:
    return any(action.startswith(("iam:", "sts:")) for action in statement.actions)
