"""AWS's policy evaluation for requests within one account.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from local.aws.iam.conditions import (
    NO_CONTEXT,
    RequestContext,
    UnsupportedPolicyError,
    conditions_hold,
    list_texts,
    matches_pattern,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_STATEMENT_ELEMENTS = {
    *("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource"),
    *("Principal", "NotPrincipal", "Condition"),
}


class PolicyKind(StrEnum):
    """Policy types, in the wording of AWS's error messages."""

    IDENTITY = "identity-based policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"
    RESOURCE = "resource-based policy"
    TRUST = "role trust policy"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A policy.

    Attributes:
        kind: The policy's type.
        name: The policy's ARN, or its name if it has no ARN.
        document: The JSON text.
    """

    kind: PolicyKind
    name: str
    document: str

    @property
    def is_required(self) -> bool:
        """Whether access requires this resource's policy to grant it: a role's trust policy or a KMS key's policy.

        https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
        """
        return self.kind is PolicyKind.TRUST or (self.kind is PolicyKind.RESOURCE and ":kms:" in self.name)


@dataclass(frozen=True, kw_only=True)
class Principal:
    """The principal that makes a request.

    Attributes:
        kind: A user or a role session, which have identity-based policies, or a service or federated identity, which
            have none.
        arn: The principal's ARN; for a service its name, for a federated identity its provider's ARN.
        account_id: The principal's account; "" for a service.
        role_arn: The role of a session.
        user_id: The value of `aws:userid`.
        policies: Identity-based policies.
        boundary: The permissions boundary.
        session_policies: Session policies.
    """

    kind: Literal["user", "session", "service", "federated"]
    arn: str
    account_id: str = ""
    role_arn: str = ""
    user_id: str = ""
    policies: Sequence[Policy] = ()
    boundary: Policy | None = None
    session_policies: Sequence[Policy] = ()


@dataclass(frozen=True, kw_only=True)
class AccessRequest:
    """One action on one resource, the unit of policy evaluation; a call may require several.

    Attributes:
        action: The IAM action.
        resource: The resource's ARN; `*` for an action without resource types.
        context: The condition keys.
    """

    action: str
    resource: str
    context: RequestContext = NO_CONTEXT


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The decision on a request.

    Attributes:
        allowed: Whether the request is allowed.
        reason: The reason for a denial, in AWS's wording.
        policy: Name of the policy that explicitly allowed or denied the request, or "".
        sid: Sid of the policy's statement.
    """

    allowed: bool
    reason: str = ""
    policy: str = ""
    sid: str = ""


class _Reach(IntEnum):
    """The effect of a resource-based policy's statement on a principal.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics-single-account.html
    """

    NOBODY = 0
    ACCOUNT = 1
    """The statement delegates the decision to the account's identity-based policies."""
    ROLE = 2
    """The statement grants access like an identity-based policy, limited by boundary and session policies."""
    DIRECT = 3
    """The statement grants access by itself."""


def decide_access(request: AccessRequest, principal: Principal, resource_policy: Policy | None = None) -> Decision:
    """Evaluate all policies that apply to a request.

    Raises:
        UnsupportedPolicyError: A policy cannot be evaluated.
    """
    denied = _explicit_deny(request, principal, resource_policy)
    if denied is not None:
        return denied
    granted, reach = _resource_grant(resource_policy, request, principal)
    if granted is not None and reach is _Reach.DIRECT:
        return granted
    if resource_policy is not None and resource_policy.is_required and reach is _Reach.NOBODY:
        return _implicit_deny(request, resource_policy.kind)
    if principal.kind in ("service", "federated"):
        return _implicit_deny(request, PolicyKind.RESOURCE)
    return _decide_by_identity(request, principal, granted=granted if reach is _Reach.ROLE else None)


def policy_allows(
    document: str, action: str, resource: str, context: Mapping[str, str | Sequence[str]] | None = None
) -> bool:
    """Return whether a single identity-based policy allows an action."""
    policy = Policy(kind=PolicyKind.IDENTITY, name="policy", document=document)
    request = AccessRequest(action=action, resource=resource, context=RequestContext(context or {}))
    return decide_access(request, Principal(kind="user", arn="user", policies=[policy])).allowed


def _explicit_deny(request: AccessRequest, principal: Principal, resource_policy: Policy | None) -> Decision | None:
    for policy in filter(None, (resource_policy, *principal.policies, principal.boundary, *principal.session_policies)):
        for statement in _applying_statements(policy, "Deny", request, principal):
            article = "an" if policy.kind is PolicyKind.IDENTITY else "a"
            reason = f"with an explicit deny in {article} {policy.kind}"
            return Decision(allowed=False, reason=reason, policy=policy.name, sid=statement.get("Sid", ""))
    return None


def _decide_by_identity(request: AccessRequest, principal: Principal, *, granted: Decision | None) -> Decision:
    """Decide by identity-based policies, or by a resource-based grant in their place, within boundary and session."""
    allowed = granted or _find_allow(principal.policies, request, principal)
    if allowed is None:
        return _implicit_deny(request, PolicyKind.IDENTITY)
    for kind, limits in (
        (PolicyKind.BOUNDARY, [*filter(None, [principal.boundary])]),
        (PolicyKind.SESSION, principal.session_policies),
    ):
        if limits and _find_allow(limits, request, principal) is None:
            return _implicit_deny(request, kind)
    return allowed


def _implicit_deny(request: AccessRequest, kind: PolicyKind) -> Decision:
    return Decision(allowed=False, reason=f"because no {kind} allows the {request.action} action")


def _find_allow(policies: Iterable[Policy], request: AccessRequest, principal: Principal) -> Decision | None:
    for policy in policies:
        for statement in _applying_statements(policy, "Allow", request, principal):
            return Decision(allowed=True, policy=policy.name, sid=statement.get("Sid", ""))
    return None


def _resource_grant(
    policy: Policy | None, request: AccessRequest, principal: Principal
) -> tuple[Decision | None, _Reach]:
    """Return the widest grant of a resource-based policy, and its reach."""
    found: tuple[Decision | None, _Reach] = None, _Reach.NOBODY
    for statement in _applying_statements(policy, "Allow", request, principal) if policy else ():
        reach = _principal_reach(statement["Principal"], principal)
        if policy and reach > found[1]:
            found = Decision(allowed=True, policy=policy.name, sid=statement.get("Sid", "")), reach
    return found


def _applying_statements(
    policy: Policy, effect: str, request: AccessRequest, principal: Principal
) -> Iterator[Mapping[str, Any]]:
    """Yield the statements of a policy that apply to a request."""
    for statement in _parse_statements(policy.document):
        if (
            statement["Effect"] == effect
            and _names_action(statement, request)
            and _names_resource(statement, request)
            and _names_principal(statement, principal)
            and conditions_hold(statement.get("Condition", {}), request.context)
        ):
            yield statement


@cache
def _parse_statements(document: str) -> tuple[Mapping[str, Any], ...]:
    parsed = json.loads(document)["Statement"]
    statements = parsed if isinstance(parsed, list) else [parsed]
    for statement in statements:
        if unknown := statement.keys() - _STATEMENT_ELEMENTS:
            raise UnsupportedPolicyError(f"element {unknown.pop()} of a statement")
        if "NotPrincipal" in statement and statement["Effect"] != "Deny":
            raise UnsupportedPolicyError("NotPrincipal in a statement that allows")
    return tuple(statements)


def _names_action(statement: Mapping[str, Any], request: AccessRequest) -> bool:
    patterns = list_texts(statement.get("Action", statement.get("NotAction")))
    named = any(matches_pattern(one, request.action, ignore_case=True) for one in patterns)
    return named is ("Action" in statement)


def _names_resource(statement: Mapping[str, Any], request: AccessRequest) -> bool:
    """Return whether a statement covers the resource; without a resource element, it covers its policy's own."""
    if "Resource" not in statement and "NotResource" not in statement:
        return True
    patterns = list_texts(statement.get("Resource", statement.get("NotResource")))
    named = any(matches_pattern(one, request.resource, request.context) for one in patterns)
    return named is ("Resource" in statement)


def _names_principal(statement: Mapping[str, Any], principal: Principal) -> bool:
    if "NotPrincipal" in statement:
        return _principal_reach(statement["NotPrincipal"], principal) is _Reach.NOBODY
    return "Principal" not in statement or _principal_reach(statement["Principal"], principal) is not _Reach.NOBODY


def _principal_reach(named: str | Mapping[str, Any], principal: Principal) -> _Reach:
    """Return the effect of a statement's principals on the principal of a request.

    A grant to everybody is not limited by permissions boundaries and session policies:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    by_kind = {"AWS": named} if isinstance(named, str) else named
    of_aws = list_texts(by_kind.get("AWS", []))
    if "*" in of_aws:
        return _Reach.DIRECT
    if principal.kind in ("service", "federated"):
        listed = list_texts(by_kind.get(principal.kind.capitalize(), []))
        return _Reach.DIRECT if principal.arn in listed else _Reach.NOBODY
    if principal.arn in of_aws:
        return _Reach.DIRECT
    if principal.role_arn and principal.role_arn in of_aws:
        return _Reach.ROLE
    account = {principal.account_id, f"arn:aws:iam::{principal.account_id}:root"}
    return _Reach.ACCOUNT if account.intersection(of_aws) else _Reach.NOBODY
