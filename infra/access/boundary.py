"""Permissions boundaries: the maximum permissions of machines, runbooks and the cost guard, whatever their policies.

A boundary grants nothing; a role may do only what both its policies and its boundary allow. Jobs on GitHub may change
the policies of these roles, but not the boundaries. So a boundary is limited to the environment: a deployment of one
environment must not reach another one of the same account through the roles of its machines.
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
"""Actions of AWS's default policy for managed instances. The attached AmazonSSMManagedInstanceCore also allows reading
every parameter of the account, which the boundary prevents:
https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonSSMManagedEC2InstanceDefaultPolicy.html"""


@dataclass(frozen=True, kw_only=True)
class BoundaryArgs:
    """Inputs of the boundary.

    Attributes:
        stack: The stack.
        key_arn: ARN of the stack's KMS key.
        purpose: Last part of the policy's name.
        description: Description of the policy in IAM.
        statements: Returns the statements of the policy.
    """

    stack: StackContext
    key_arn: pulumi.Output[str]
    purpose: BoundaryPurpose
    description: str
    statements: Callable[[SecuredScope], Iterable[Statement]]


class Boundary(Component):
    """A policy that is the permissions boundary of roles of the stack.

    Attributes:
        arn: ARN of the policy.
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
    """Return the name of a boundary's policy."""
    return physical_name(IAM_POLICY, PROJECT_NAME, environment, purpose)


def boundary_policy_arn(scope: Scope, purpose: BoundaryPurpose = "boundary") -> str:
    """Return the ARN of a boundary's policy."""
    return scope.iam_arn(f"policy/{boundary_policy_name(scope.environment, purpose)}")


def boundary_statements(scope: SecuredScope, grants: Iterable[Statement]) -> tuple[Statement, ...]:
    """Return the statements of a boundary for the grants of several roles.

    The grants themselves would exceed IAM's size limit. So the boundary limits their actions to the environment: most
    EC2 actions by tags, and actions on named resources by name. Some actions keep their granted resources and
    conditions, including all IAM actions, because passing or creating roles can escalate privileges.
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
        # The ARN of a public image contains no account; a new network interface has no tags yet.
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
"""Actions of services with a single endpoint for all regions."""


def _own_names(scope: SecuredScope) -> tuple[str, ...]:
    """Return the environment's resources that are identified by name; an action matches only those of its service."""
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
        # Models belong to no account, and inference profiles send requests to other regions.
        "arn:aws:bedrock:*",
    )


def _ceiling(sid: str, actions: Iterable[str], resources: tuple[str, ...], *conditions: Condition) -> Statement:
    return Statement(sid=sid, actions=tuple(sorted(actions)), resources=resources, conditions=conditions)
