"""IAM: the stack's own roles, which cannot get more rights than their boundary has; and nothing of the deployment's.

Whoever may write the policies of a role that machines run under could give himself everything by it. So the roles that
a job may make and change must bear the boundary, which a job cannot change; and the roles that jobs themselves run
under are read only, and changed by `pulumi up` of a person who may.
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.access.boundary import boundary_policy_arn
from infra.access.identity import SSM_MANAGED_INSTANCE
from infra.access.rights.model import Right
from infra.access.rights.resource_type import TAGGING_REASON
from infra.access.role_purposes import PASSED_ROLES
from infra.access.statements import string_equals
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.scope import Scope

OIDC_PROVIDER = "token.actions.githubusercontent.com"
"""GitHub's identity provider, without its scheme: how its ARN ends and its condition keys begin."""

OPERATOR_ACTIONS: Mapping[str, str] = dict.fromkeys(
    (
        "iam:CreateOpenIDConnectProvider",
        "iam:CreatePolicy",
        "iam:CreatePolicyVersion",
        "iam:DeleteOpenIDConnectProvider",
        "iam:DeletePolicy",
        "iam:DeletePolicyVersion",
        "iam:TagOpenIDConnectProvider",
        "iam:TagPolicy",
        "iam:UpdateAssumeRolePolicy",
    ),
    "what jobs may do is decided by a person, not by a job",
)
"""What deploying the stack calls and no job may, with the reason."""


def identity_rights(scope: Scope) -> Iterator[Right]:
    """Return the rights on roles, instance profiles and policies."""
    yield from _read_rights(scope)
    roles = tuple(scope.role_arn(purpose) for purpose in PASSED_ROLES)
    bounded = string_equals("iam:PermissionsBoundary", boundary_policy_arn(scope))
    yield Right(
        access="write",
        actions=("iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"),
        resources=roles,
        conditions=(bounded,),
        uncalled={"iam:PutRolePermissionsBoundary": "a role that has lost its boundary"},
    )
    yield Right(
        access="write",
        actions=("iam:AttachRolePolicy", "iam:DetachRolePolicy"),
        resources=roles,
        conditions=(bounded, string_equals("iam:PolicyARN", SSM_MANAGED_INSTANCE)),
    )
    yield Right(
        access="write",
        actions=("iam:DeleteRole", "iam:TagRole", "iam:UntagRole", "iam:UpdateRole", "iam:UpdateRoleDescription"),
        resources=roles,
        uncalled={
            "iam:TagRole": TAGGING_REASON,
            "iam:UntagRole": TAGGING_REASON,
            "iam:UpdateRole": "a session duration that changes",
            "iam:UpdateRoleDescription": "a description that changes",
        },
    )
    yield from _instance_profile_rights(scope)
    for service in sorted(set(PASSED_ROLES.values())):
        yield Right(
            access="write",
            actions=("iam:PassRole",),
            resources=tuple(scope.role_arn(purpose) for purpose, to in PASSED_ROLES.items() if to == service),
            conditions=(string_equals("iam:PassedToService", service),),
            uncalled={"iam:PassRole": "no call of its own, but needed to give a role to what works under it"},
        )


def _read_rights(scope: Scope) -> Iterator[Right]:
    yield Right(
        access="read",
        actions=(
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
        resources=(
            *(
                scope.iam_arn(f"{kind}/{PROJECT_NAME}-{scope.environment}-*")
                for kind in ("role", "instance-profile", "policy")
            ),
            scope.iam_arn(f"oidc-provider/{OIDC_PROVIDER}"),
        ),
        uncalled={
            "iam:ListInstanceProfilesForRole": "only the deletion of a role looks at them",
            "iam:ListPolicyVersions": "only a change of a policy looks at them",
        },
    )


def _instance_profile_rights(scope: Scope) -> Iterator[Right]:
    yield Right(
        access="write",
        actions=(
            "iam:AddRoleToInstanceProfile",
            "iam:CreateInstanceProfile",
            "iam:DeleteInstanceProfile",
            "iam:RemoveRoleFromInstanceProfile",
            "iam:TagInstanceProfile",
            "iam:UntagInstanceProfile",
        ),
        resources=(scope.iam_arn(f"instance-profile/{PROJECT_NAME}-{scope.environment}-*"),),
        uncalled={"iam:TagInstanceProfile": TAGGING_REASON, "iam:UntagInstanceProfile": TAGGING_REASON},
    )
