"""The most that the stack's machines, runbooks and cost guard can ever be allowed, whoever writes their policies.

A permissions boundary grants nothing; a role can do what its policies and its boundary both allow. Jobs on GitHub may
change the policies of those roles, though not this one. So it names the environment: a deployment of one must not reach
another of the same account by the roles of its machines.
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pulumi_aws import iam

from infra.access.grants import image_parameters_arn
from infra.access.machine_grants import NODE_SECRETS_PREFIX
from infra.access.statements import EVERYTHING, Statement, region_condition, render_policy, string_equals
from infra.component import Component
from infra.naming import IAM_POLICY, physical_name
from infra.stack_context import secured_scope
from infra.tags import PROJECT_NAME
from infra.texts import IAM_DESCRIPTION, check_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pulumi

    from infra.access.role_purposes import BoundaryPurpose
    from infra.access.statements import Condition
    from infra.scope import Scope, SecuredScope
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
"""What AWS's own policy for instances allows by default. AmazonSSMManagedInstanceCore, which is attached, also lets a
machine read every parameter of the account, which the boundary takes away:
https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonSSMManagedEC2InstanceDefaultPolicy.html"""


@dataclass(frozen=True, kw_only=True)
class BoundaryArgs:
    """Inputs of the boundary.

    Attributes:
        stack: The stack.
        key_arn: The stack's KMS key.
        purpose: The end of the policy's name.
        description: Its description in IAM.
        statements: Returns what it allows.
    """

    stack: StackContext
    key_arn: pulumi.Output[str]
    purpose: BoundaryPurpose
    description: str
    statements: Callable[[SecuredScope], Iterable[Statement]]


class Boundary(Component):
    """A policy that is the boundary of roles of the stack.

    Attributes:
        arn: The policy.
    """

    arn: pulumi.Output[str]

    def __init__(self, name: str, *, args: BoundaryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the policy."""
        super().__init__(name, opts=opts)
        policy = iam.Policy(
            name,
            name=boundary_policy_name(args.stack.environment, args.purpose),
            description=check_text(IAM_DESCRIPTION, args.description),
            policy=secured_scope(args.stack, args.key_arn).apply(lambda scope: render_policy(*args.statements(scope))),
            tags=args.stack.tags.for_resource(args.purpose, role="delivery"),
            opts=self.child_options(),
        )
        self.arn = policy.arn
        self.register_declared_outputs()


def boundary_policy_name(environment: str, purpose: BoundaryPurpose) -> str:
    """Name a boundary's policy."""
    return physical_name(IAM_POLICY, PROJECT_NAME, environment, purpose)


def boundary_policy_arn(scope: Scope, purpose: BoundaryPurpose = "boundary") -> str:
    """Return the ARN of a boundary's policy."""
    return scope.iam_arn(f"policy/{boundary_policy_name(scope.environment, purpose)}")


def boundary_statements(scope: SecuredScope, grants: Iterable[Statement]) -> tuple[Statement, ...]:
    """Return the statements of a boundary around the grants of several roles.

    The grants themselves would not fit IAM's limit. So their actions are limited by what tells the environment: most of
    EC2's by tags, those on resources with names by these. Some keep the conditions that they are granted under, and all
    on IAM do: to pass or to make a role is how rights are widened.
    """
    given = tuple(grants)
    kept = [each for each in given if each.conditions and _KEPT_ACTIONS.intersection(each.actions)]
    others = [statement for statement in given if statement not in kept]
    unlimited = {action for statement in others if statement.resources == (EVERYTHING,) for action in statement.actions}
    limited = {action for statement in others for action in statement.actions} - unlimited
    tagged = {action for action in limited if action.startswith(("ec2:", "autoscaling:"))}
    own_tag = string_equals("aws:ResourceTag/Environment", scope.environment)
    own_zone = tuple(scope.regional_arn(service, "*") for service in ("ec2", "autoscaling"))
    return (
        _ceiling(
            "InRegion", {*unlimited, *SESSION_MANAGER_ACTIONS} - _GLOBAL_ACTIONS, (EVERYTHING,), region_condition(scope)
        ),
        _ceiling("Anywhere", unlimited & _GLOBAL_ACTIONS, (EVERYTHING,)),
        _ceiling("OwnByTag", tagged, own_zone, own_tag),
        _ceiling(
            "NewWithTag",
            {"ec2:RunInstances"},
            scope.ec2_arn_patterns("instance", "volume", "spot-instances-request"),
            string_equals("aws:RequestTag/Environment", scope.environment),
        ),
        # Public images belong to no account in their ARN; a new network interface has no tags yet.
        _ceiling(
            "LaunchFrom",
            {"ec2:RunInstances"},
            (f"arn:aws:ec2:{scope.region}::*", *scope.ec2_arn_patterns("network-interface")),
        ),
        _ceiling("OwnByName", limited - tagged, _own_names(scope)),
        *(replace(statement, sid=f"AsGranted{number}") for number, statement in enumerate(kept, start=1)),
    )


_KEPT_ACTIONS = frozenset(
    {
        "ec2:CreateTags",
        "iam:CreateServiceLinkedRole",
        "iam:PassRole",
        "secretsmanager:GetSecretValue",
        "ssm:SendCommand",
    }
)
_GLOBAL_ACTIONS = frozenset({"ce:GetCostAndUsage"})
"""Actions of services that answer in one region for all."""


def _own_names(scope: SecuredScope) -> tuple[str, ...]:
    """Return the resources that names tell: an action applies to those of its service alone."""
    buckets = (scope.artifact_bucket_arn, scope.cache_bucket_arn)
    return (
        scope.key_arn,
        *buckets,
        *(f"{bucket}/*" for bucket in buckets),
        scope.log_groups_arn,
        scope.alert_topic_arn,
        f"arn:aws:budgets::{scope.account_id}:budget/{scope.name_prefix}*",
        scope.regional_arn("secretsmanager", f"secret:{NODE_SECRETS_PREFIX}{scope.environment}/*"),
        # Documents, automation definitions and parameters.
        scope.named_arn("ssm", "*/"),
        scope.regional_arn("ssm", "automation-execution/*"),
        image_parameters_arn(scope),
        # Models are nobody's, and profiles send requests to other regions.
        "arn:aws:bedrock:*",
    )


def _ceiling(sid: str, actions: Iterable[str], resources: tuple[str, ...], *conditions: Condition) -> Statement:
    return Statement(sid=sid, actions=tuple(sorted(actions)), resources=resources, conditions=conditions)
