"""How AWS decides on a request within one account.

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
    """What a policy is, in the words of AWS's refusals."""

    IDENTITY = "identity-based policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"
    RESOURCE = "resource-based policy"
    TRUST = "role trust policy"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A policy.

    Attributes:
        kind: What it is.
        name: Its ARN, or its name where it has none.
        document: Its JSON text.
    """

    kind: PolicyKind
    name: str
    document: str

    @property
    def is_required(self) -> bool:
        """Whether it is a resource's and nobody gets past it.

        A key's: https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
        """
        return self.kind is PolicyKind.TRUST or (self.kind is PolicyKind.RESOURCE and ":kms:" in self.name)


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who makes a request.

    Attributes:
        kind: A user or a role's session, which have identity-based policies; a service or a token's subject, which have
            none.
        arn: Its ARN; a service's name, or the identity provider of a token.
        account_id: Its account; "" of a service.
        role_arn: The role of a session.
        user_id: The value of `aws:userid`.
        policies: Its identity-based policies.
        boundary: Its permissions boundary.
        session_policies: Those that were given when the session began.
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
    """One action on one resource, which is what policies are evaluated for; a call may need several.

    Attributes:
        action: The IAM action.
        resource: The ARN; `*` of an action that knows no resources.
        context: The condition keys.
    """

    action: str
    resource: str
    context: RequestContext = NO_CONTEXT


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What becomes of a request.

    Attributes:
        allowed: Whether it is allowed.
        reason: Why not, in AWS's words.
        policy: Name of the policy that allowed or denied it; "" where none did.
        sid: Its statement.
    """

    allowed: bool
    reason: str = ""
    policy: str = ""
    sid: str = ""


class _Reach(IntEnum):
    """How far a statement of a resource's policy reaches a principal.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics-single-account.html
    """

    NOBODY = 0
    ACCOUNT = 1
    """It leaves the decision to the account's identity-based policies."""
    ROLE = 2
    """It grants as an identity-based policy does; boundary and session policies limit it."""
    DIRECT = 3
    """It grants by itself."""


def decide_access(request: AccessRequest, principal: Principal, resource_policy: Policy | None = None) -> Decision:
    """Decide on a request by all policies that apply to it.

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
    """Return whether an identity-based policy alone allows an action."""
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
    """Decide by what the principal's policies, or a resource's one in their place, allow within their limits."""
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
    """Return what the resource's policy grants and how far."""
    found: tuple[Decision | None, _Reach] = None, _Reach.NOBODY
    for statement in _applying_statements(policy, "Allow", request, principal) if policy else ():
        reach = _principal_reach(statement["Principal"], principal)
        if policy and reach > found[1]:
            found = Decision(allowed=True, policy=policy.name, sid=statement.get("Sid", "")), reach
    return found


def _applying_statements(
    policy: Policy, effect: str, request: AccessRequest, principal: Principal
) -> Iterator[Mapping[str, Any]]:
    """Return the statements of a policy that apply to a request."""
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
    """Return whether a statement is for the resource; a trust policy is for its role, and a key's `*` for the key."""
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
    """Return how far the principals that a statement names reach the one of a request.

    Neither a boundary nor session policies limit what is granted to everybody:
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
