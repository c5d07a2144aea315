"""IAM statements as frozen values. A statement that grants a whole service cannot be constructed.

The Service Authorization Reference lists actions, resource types and condition keys:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infra.scope import Scope

EVERYTHING = "*"
"""Resource for actions without resource-level permissions, and in a KMS key policy, where it means the key itself."""

CALLER_KEYS = frozenset({"kms:CallerAccount", "aws:PrincipalArn"})
"""Condition keys that a key policy must test if its principal is everybody:
https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-caller-account"""

ConditionOperator = Literal[
    "StringEquals",
    "StringNotEquals",
    "StringLike",
    "StringNotLike",
    "StringEqualsIfExists",
    "ArnLike",
    "Bool",
    "Null",
    "ForAllValues:StringEquals",
]


class PolicyError(ValueError):
    """A statement that grants too much; the message names the statement and the problem."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A condition of a statement.

    Attributes:
        operator: Condition operator.
        key: Condition key.
        values: Values that the operator compares with.
    """

    operator: ConditionOperator
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Principal of a resource-based policy.

    Attributes:
        kind: `Service` for an AWS service, `AWS` for an account, `Federated` for an identity provider.
        value: The service's principal, such as `ec2.amazonaws.com`, or an ARN; `*` only in a key's policy.
    """

    kind: Literal["Service", "AWS", "Federated"]
    value: str


@dataclass(frozen=True, kw_only=True)
class Statement:
    """An `Allow` statement; `Deny` statements are not supported.

    Attributes:
        sid: Sid of the statement, in CamelCase.
        actions: Full names of actions; wildcards are refused.
        resources: ARNs, ARN patterns, or `*`. Empty in a trust policy, whose resource is the role itself.
        conditions: Conditions that a request must meet, all of them.
        principal: Principal in a resource-based policy; None in an identity-based policy.

    Raises:
        PolicyError: The statement is invalid or grants too much.
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    principal: Principal | None = None

    def __post_init__(self) -> None:
        """Refuse an invalid or too broad statement."""
        for problem in self._statement_problems():
            raise PolicyError(f"statement {self.sid!r}: {problem}")

    def _statement_problems(self) -> Iterator[str]:
        if not (self.sid.isascii() and self.sid.isalnum()):
            yield "the Sid must be letters and digits"
        if not self.actions or not (self.resources or self.principal):
            yield "needs actions, and resources or a principal"
        yield from (
            f"action {action!r} must be one action in full, service:Action"
            for action in self.actions
            if not re.fullmatch(r"[a-z0-9-]+:[A-Za-z]+", action)
        )
        keys = [(condition.operator, condition.key) for condition in self.conditions]
        yield from (f"{key} is tested twice" for operator, key in keys if keys.count((operator, key)) > 1)
        if self.principal and EVERYTHING in self.principal.value and not self._names_callers():
            yield f"principal {self.principal.value!r} grants access to others"
        if self.resources != (EVERYTHING,):
            yield from (f"resource {arn!r} is not an ARN" for arn in self.resources if not arn.startswith("arn:"))
        elif self.principal and not self._is_of_key():
            yield "only a KMS key's policy may name everything"

    def _is_of_key(self) -> bool:
        return self.resources == (EVERYTHING,) and all(action.startswith("kms:") for action in self.actions)

    def _names_callers(self) -> bool:
        """Return whether this is a key policy's statement whose conditions name its callers exactly."""
        exact = {
            condition.key
            for condition in self.conditions
            if condition.operator == "StringEquals" and condition.values and EVERYTHING not in "".join(condition.values)
        }
        return exact >= CALLER_KEYS and self._is_of_key()

    def to_json(self) -> dict[str, object]:
        """Return the statement as part of a JSON policy."""
        conditions: dict[str, dict[str, object]] = {}
        for condition in self.conditions:
            conditions.setdefault(condition.operator, {})[condition.key] = _one_or_list(condition.values)
        return {
            "Sid": self.sid,
            "Effect": "Allow",
            **({"Principal": {self.principal.kind: self.principal.value}} if self.principal else {}),
            "Action": _one_or_list(self.actions),
            **({"Resource": _one_or_list(self.resources)} if self.resources else {}),
            **({"Condition": conditions} if conditions else {}),
        }


def _one_or_list(values: Sequence[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)


def render_policy(*statements: Statement) -> str:
    """Return a policy document without white space, which would count towards some of IAM's limits.

    Raises:
        PolicyError: Two statements have the same Sid, or there are no statements.
    """
    sids = [statement.sid for statement in statements]
    if not sids or len(set(sids)) != len(sids):
        raise PolicyError(f"a policy needs statements with different Sids, not {sids}")
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [statement.to_json() for statement in statements]}, separators=(",", ":")
    )


def string_equals(key: str, *values: str) -> Condition:
    """Allow requests whose `key` is one of `values`."""
    return Condition(operator="StringEquals", key=key, values=values)


def arn_like(key: str, *patterns: str) -> Condition:
    """Allow requests whose `key` is an ARN that matches one of `patterns`."""
    return Condition(operator="ArnLike", key=key, values=patterns)


def is_true(key: str) -> Condition:
    """Allow requests whose `key` is true."""
    return Condition(operator="Bool", key=key, values=("true",))


def is_present(key: str) -> Condition:
    """Allow requests that carry `key`."""
    return Condition(operator="Null", key=key, values=("false",))


def source_conditions(account_id: str, pattern: str) -> tuple[Condition, Condition]:
    """Require that a service acts on behalf of resources of this account whose ARNs match a pattern.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    return string_equals("aws:SourceAccount", account_id), arn_like("aws:SourceArn", pattern)


def requested_tag_conditions(scope: Scope) -> tuple[Condition, ...]:
    """Require that the request tags new resources with the environment's tags."""
    return _tag_conditions("aws:RequestTag", scope)


def existing_tag_conditions(scope: Scope) -> tuple[Condition, ...]:
    """Require that the resource has the environment's tags."""
    return _tag_conditions("aws:ResourceTag", scope)


def _tag_conditions(prefix: str, scope: Scope) -> tuple[Condition, ...]:
    return (string_equals(f"{prefix}/project", PROJECT_NAME), string_equals(f"{prefix}/Environment", scope.environment))


def region_condition(scope: Scope) -> Condition:
    """Require that the request goes to the environment's region."""
    return string_equals("aws:RequestedRegion", scope.region)


def allow_service(
    sid: str, service: str, *actions: str, resources: tuple[str, ...] = (), conditions: tuple[Condition, ...] = ()
) -> Statement:
    """Return a statement of a resource-based policy that allows actions to an AWS service."""
    return Statement(
        sid=sid,
        actions=actions,
        resources=resources,
        conditions=conditions,
        principal=Principal(kind="Service", value=service),
    )


def trust_service(service: str, *conditions: Condition) -> Statement:
    """Return a trust statement that lets an AWS service assume the role if the conditions are met."""
    return allow_service("ServiceMayAssume", service, "sts:AssumeRole", conditions=conditions)
