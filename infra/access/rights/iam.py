"""Rights on IAM: the stack's own roles, limited by their permissions boundary, but not the roles of jobs.

A job that may write the policies of a machine's role could otherwise grant itself everything through that role. So the
roles that a job may create and change must have the boundary, which jobs cannot change. Jobs can only read their own
roles, which an authorized person changes with `pulumi up`.
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.access.boundary import boundary_policy_arn
from infra.access.identity import SSM_MANAGED_INSTANCE
from infra.access.rights.model import Right
from infra.access.rights.resource_type import ResourceType, table_rights
from infra.access.role_purposes import PASSED_ROLES, ROLE_BOUNDARIES
from infra.access.statements import string_equals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.access.job_scope import JobScope


OIDC_PROVIDER = "token.actions.githubusercontent.com"
"""Host of GitHub's OIDC provider: the last part of its ARN, and the prefix of its condition keys."""

IDENTITY_TYPES: tuple[ResourceType, ...] = (
    ResourceType(
        type_tokens=(
            "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
            "aws:iam/policy:Policy",
            "aws:iam/role:Role",
            "aws:iam/rolePolicy:RolePolicy",
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        ),
        arns=lambda scope: (
            *(scope.iam_arn(f"{kind}/{scope.name_prefix}*") for kind in ("role", "instance-profile", "policy")),
            scope.iam_arn(f"oidc-provider/{OIDC_PROVIDER}"),
        ),
        reads=(
            "iam:GetInstanceProfile",
            "iam:GetOpenIDConnectProvider",
            "iam:GetPolicy",
            "iam:GetPolicyVersion",
            "iam:GetRole",
            "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:ListInstanceProfilesForRole",
            "iam:ListPolicyVersions",
            "iam:ListRolePolicies",
        ),
        uncalled={
            "iam:ListInstanceProfilesForRole": "only the deletion of a role looks at them",
            "iam:ListPolicyVersions": "only a change of a policy looks at them",
        },
    ),
    ResourceType(
        type_tokens=("aws:iam/role:Role",),
        arns=lambda scope: tuple(map(scope.role_arn, PASSED_ROLES)),
        writes=("iam:DeleteRole", "iam:TagRole", "iam:UntagRole", "iam:UpdateRole", "iam:UpdateRoleDescription"),
        uncalled={
            "iam:UpdateRole": "a session duration that changes",
            "iam:UpdateRoleDescription": "a description that changes",
        },
    ),
    ResourceType(
        type_tokens=("aws:iam/instanceProfile:InstanceProfile",),
        arns=lambda scope: (scope.iam_arn(f"instance-profile/{scope.name_prefix}*"),),
        writes=(
            "iam:AddRoleToInstanceProfile",
            "iam:CreateInstanceProfile",
            "iam:DeleteInstanceProfile",
            "iam:RemoveRoleFromInstanceProfile",
            "iam:TagInstanceProfile",
            "iam:UntagInstanceProfile",
        ),
    ),
)


def identity_rights(scope: JobScope) -> Iterator[Right]:
    """Return the rights on roles, instance profiles and policies."""
    yield from table_rights(IDENTITY_TYPES, scope)
    for boundary in sorted(set(ROLE_BOUNDARIES.values())):
        yield Right(
            access="write",
            actions=("iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"),
            resources=tuple(scope.role_arn(purpose) for purpose, its in ROLE_BOUNDARIES.items() if its == boundary),
            conditions=(string_equals("iam:PermissionsBoundary", boundary_policy_arn(scope, boundary)),),
            uncalled={"iam:PutRolePermissionsBoundary": "a role that has lost its boundary"},
        )
    yield Right(
        access="write",
        actions=("iam:AttachRolePolicy", "iam:DetachRolePolicy"),
        resources=tuple(scope.role_arn(purpose) for purpose, to in PASSED_ROLES.items() if to == "ec2.amazonaws.com"),
        conditions=(
            string_equals("iam:PermissionsBoundary", boundary_policy_arn(scope)),
            string_equals("iam:PolicyARN", SSM_MANAGED_INSTANCE),
        ),
    )
    for service in sorted(set(PASSED_ROLES.values())):
        yield Right(
            access="write",
            actions=("iam:PassRole",),
            resources=tuple(scope.role_arn(purpose) for purpose, to in PASSED_ROLES.items() if to == service),
            conditions=(string_equals("iam:PassedToService", service),),
            uncalled={"iam:PassRole": "not called itself, but needed to pass a role to a service"},
        )
