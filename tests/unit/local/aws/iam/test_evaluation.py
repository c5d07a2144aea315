"""Decisions as AWS documents them, each with its page below https://docs.aws.amazon.com/IAM/latest/UserGuide/."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from local.aws.iam.conditions import RequestContext, UnsupportedPolicyError, conditions_hold
from local.aws.iam.evaluation import AccessRequest, Policy, PolicyKind, Principal, decide_access, policy_allows

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/App"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/App/run"
USER = f"arn:aws:iam::{ACCOUNT}:user/carlos"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
OBJECT, KEY = "arn:aws:s3:::bucket/a", f"arn:aws:kms:us-west-2:{ACCOUNT}:key/k"

OPERATORS = "reference_policies_elements_condition_operators.html"
MULTIPLE = "reference_policies_condition-single-vs-multi-valued-context-keys.html"
VARIABLES = "reference_policies_variables.html"
EVALUATION = "reference_policies_evaluation-logic_policy-eval-basics-single-account.html"
PRINCIPALS = "reference_policies_elements_principal.html"
BOUNDARIES = "access_policies_boundaries.html"
KEYS = "https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html"


def allow(**elements: Any) -> str:
    """Return a policy that allows, with some elements of its own."""
    return statement("Allow", **elements)


def statement(effect: str, **elements: Any) -> str:
    base = {"Effect": effect, "Action": "*", "Resource": "*"}
    omitted = {element.removeprefix("Not") for element in elements if element.startswith("Not")}
    kept = {element: value for element, value in base.items() if element not in omitted}
    return json.dumps({"Version": "2012-10-17", "Statement": {**kept, **elements}})


CONDITIONS: list[tuple[dict[str, Any], dict[str, Any], bool, str]] = [
    ({"StringEquals": {"k": ["a", "b"]}}, {"k": "b"}, True, OPERATORS),
    ({"StringEquals": {"k": "a"}}, {"k": "A"}, False, OPERATORS),
    ({"StringEquals": {"k": "a*"}}, {"k": "ab"}, False, OPERATORS),
    ({"StringEquals": {"aws:RequestTag/Key": "a"}}, {"aws:requesttag/key": "a"}, True, OPERATORS),
    ({"StringEquals": {"k": "a"}}, {}, False, OPERATORS),
    ({"StringEqualsIfExists": {"k": "a"}}, {}, True, OPERATORS),
    ({"StringEqualsIfExists": {"k": "a"}}, {"k": "b"}, False, OPERATORS),
    ({"StringEqualsIgnoreCase": {"k": "a"}}, {"k": "A"}, True, OPERATORS),
    ({"StringNotEquals": {"k": ["a", "b"]}}, {"k": "b"}, False, OPERATORS),
    ({"StringNotEquals": {"k": ["a", "b"]}}, {"k": "c"}, True, OPERATORS),
    ({"StringNotEquals": {"k": "a"}}, {}, True, OPERATORS),
    ({"StringLike": {"k": "a?c*"}}, {"k": "abcdef"}, True, OPERATORS),
    ({"StringNotLike": {"k": "a*"}}, {"k": "abc"}, False, OPERATORS),
    ({"Bool": {"k": False}}, {"k": "false"}, True, OPERATORS),
    ({"Null": {"k": "true"}}, {}, True, OPERATORS),
    ({"Null": {"k": "false"}}, {"k": "a"}, True, OPERATORS),
    ({"Null": {"k": False}}, {}, False, OPERATORS),
    ({"ArnLike": {"k": "arn:aws:sns:*:1:*"}}, {"k": "arn:aws:sns:eu-west-1:1:a:b"}, True, OPERATORS),
    ({"ArnLike": {"k": "arn:aws:*:topic"}}, {"k": "arn:aws:sns:eu-west-1:1:topic"}, False, OPERATORS),
    ({"ArnNotEquals": {"k": "arn:aws:sns:*:1:*"}}, {"k": "arn:aws:sns:eu-west-1:2:a"}, True, OPERATORS),
    ({"StringEquals": {"k": "a", "l": "b"}}, {"k": "a", "l": "c"}, False, OPERATORS),
    ({"ForAllValues:StringEquals": {"k": ["a", "b"]}}, {"k": ["a", "b"]}, True, MULTIPLE),
    ({"ForAllValues:StringEquals": {"k": ["a", "b"]}}, {"k": ["a", "c"]}, False, MULTIPLE),
    ({"ForAllValues:StringEquals": {"k": "a"}}, {}, True, MULTIPLE),
    ({"ForAnyValue:StringEquals": {"k": "a"}}, {"k": ["a", "c"]}, True, MULTIPLE),
    ({"ForAnyValue:StringEquals": {"k": "a"}}, {}, False, MULTIPLE),
    ({"StringEquals": {"k": "${aws:username}"}}, {"k": "me", "aws:username": "me"}, True, VARIABLES),
    ({"StringLike": {"k": "${aws:username}"}}, {"k": "me", "aws:username": "*"}, False, VARIABLES),
    ({"StringLike": {"k": "*:${ec2:InstanceID}"}}, {"k": "AROA:i-1"}, False, VARIABLES),
    ({"StringEquals": {"k": "${aws:PrincipalTag/team, 'company-wide'}"}}, {"k": "company-wide"}, True, VARIABLES),
    ({"StringLike": {"k": "a${*}"}}, {"k": "ab"}, False, VARIABLES),
]


def test_a_condition_holds_as_aws_documents() -> None:
    assert [
        (block, context, page)
        for block, context, holds, page in CONDITIONS
        if conditions_hold(block, RequestContext(context)) is not holds
    ] == []


@pytest.mark.parametrize(
    "policy, action, resource, allowed",
    [
        (allow(Action="s3:Get*"), "S3:getobject", OBJECT, True),
        (allow(NotAction="iam:*"), "s3:GetObject", OBJECT, True),
        (allow(NotAction="iam:*"), "iam:GetRole", ROLE, False),
        (allow(Resource="arn:aws:s3:::bucket/*"), "s3:GetObject", "arn:aws:s3:::bucket", False),
        (allow(NotResource="arn:aws:s3:::bucket/*"), "s3:GetObject", OBJECT, False),
        (allow(NotResource="arn:aws:s3:::other/*"), "s3:GetObject", OBJECT, True),
        (allow(Resource="arn:aws:s3:::*"), "s3:ListAllMyBuckets", "*", False),
        (statement("Deny"), "s3:GetObject", OBJECT, False),
    ],
)
def test_a_statement_applies_to_the_actions_and_resources_that_it_names(
    policy: str,
    action: str,
    resource: str,
    allowed: bool,  # noqa: FBT001 — a column of the table
) -> None:
    assert policy_allows(policy, action, resource) is allowed, "reference_policies_elements.html"


def identity(document: str) -> Policy:
    return Policy(kind=PolicyKind.IDENTITY, name="identity", document=document)


def on_bucket(principal: Any, effect: str = "Allow", **elements: Any) -> Policy:
    document = statement(effect, Principal=principal, **elements)
    return Policy(kind=PolicyKind.RESOURCE, name="arn:aws:s3:::bucket", document=document)


def on_key(principal: Any) -> Policy:
    return replace(on_bucket(principal), name=KEY)


def trust(principal: Any) -> Policy:
    return replace(on_bucket(principal), kind=PolicyKind.TRUST, name=ROLE)


ALL, NOTHING = identity(allow()), identity(allow(Action="sts:GetCallerIdentity"))
BOUNDARY = Policy(kind=PolicyKind.BOUNDARY, name="boundary", document=allow(Action="ec2:*"))
NARROW_SESSION = Policy(kind=PolicyKind.SESSION, name="session", document=allow(Action="ec2:*"))

USER_WITHOUT = Principal(kind="user", arn=USER, account_id=ACCOUNT)
USER_WITH = replace(USER_WITHOUT, policies=[ALL])
WITHOUT = Principal(kind="session", arn=SESSION, role_arn=ROLE, account_id=ACCOUNT)
WITH = replace(WITHOUT, policies=[NOTHING, ALL])
SERVICE = Principal(kind="service", arn="ssm.amazonaws.com")

NO_IDENTITY = "because no identity-based policy allows the s3:GetObject action"
NO_RESOURCE = "because no resource-based policy allows the s3:GetObject action"
NO_BOUNDARY = "because no permissions boundary allows the s3:GetObject action"
NO_SESSION = "because no session policy allows the s3:GetObject action"
NO_TRUST = "because no role trust policy allows the s3:GetObject action"
DENIED = "with an explicit deny in an identity-based policy"
DENIED_BY_RESOURCE = "with an explicit deny in a resource-based policy"
ALLOWED = ""


DECISIONS: list[tuple[Principal, Policy | None, str, str]] = [
    (WITH, None, ALLOWED, EVALUATION),
    (WITHOUT, None, NO_IDENTITY, EVALUATION),
    (replace(WITH, policies=[ALL, identity(statement("Deny"))]), None, DENIED, EVALUATION),
    (WITH, on_bucket("*", "Deny"), DENIED_BY_RESOURCE, EVALUATION),
    (WITH, on_bucket({"AWS": "arn:aws:iam::111122223333:role/Other"}, "Deny"), ALLOWED, EVALUATION),
    (USER_WITHOUT, on_bucket({"AWS": USER}), ALLOWED, EVALUATION),
    (replace(USER_WITHOUT, boundary=BOUNDARY), on_bucket({"AWS": USER}), ALLOWED, EVALUATION),
    (WITHOUT, on_bucket({"AWS": ROLE}), ALLOWED, EVALUATION),
    (replace(WITHOUT, boundary=BOUNDARY), on_bucket({"AWS": ROLE}), NO_BOUNDARY, EVALUATION),
    (replace(WITHOUT, boundary=BOUNDARY), on_bucket({"AWS": SESSION}), ALLOWED, EVALUATION),
    (replace(WITHOUT, boundary=BOUNDARY), on_bucket("*"), ALLOWED, PRINCIPALS),
    (WITHOUT, on_bucket({"AWS": ROOT}), NO_IDENTITY, PRINCIPALS),
    (WITHOUT, on_bucket({"AWS": ["444455556666", USER]}), NO_IDENTITY, PRINCIPALS),
    (replace(WITH, boundary=BOUNDARY), None, NO_BOUNDARY, BOUNDARIES),
    (replace(WITHOUT, boundary=replace(BOUNDARY, document=allow())), None, NO_IDENTITY, BOUNDARIES),
    (replace(WITH, session_policies=[NARROW_SESSION]), None, NO_SESSION, EVALUATION),
    (WITH, on_key({"AWS": ROOT}), ALLOWED, KEYS),
    (WITHOUT, on_key({"AWS": ROOT}), NO_IDENTITY, KEYS),
    (WITHOUT, on_key({"AWS": ROLE}), ALLOWED, KEYS),
    (USER_WITH, on_key({"AWS": ROLE}), NO_RESOURCE, KEYS),
    (WITH, trust({"AWS": ROOT}), ALLOWED, PRINCIPALS),
    (WITH, trust({"Service": "ssm.amazonaws.com"}), NO_TRUST, PRINCIPALS),
    (SERVICE, trust({"Service": "ssm.amazonaws.com"}), ALLOWED, PRINCIPALS),
    (SERVICE, trust({"Service": "events.amazonaws.com"}), NO_TRUST, PRINCIPALS),
    (SERVICE, on_bucket({"AWS": ROOT}), NO_RESOURCE, PRINCIPALS),
]


def test_a_request_is_decided_as_aws_documents() -> None:
    request = AccessRequest(action="s3:GetObject", resource=OBJECT)

    decided = [(row, decide_access(request, row[0], row[1])) for row in DECISIONS]

    assert [
        (row, decision)
        for row, decision in decided
        if (decision.allowed, decision.reason) != (row[2] == ALLOWED, row[2])
    ] == []


def test_a_deny_that_excepts_a_principal_reaches_all_others() -> None:
    policy = Policy(
        kind=PolicyKind.RESOURCE,
        name="arn:aws:s3:::bucket",
        document=json.dumps(
            {"Statement": [{"Effect": "Deny", "NotPrincipal": {"AWS": USER}, "Action": "*", "Resource": "*"}]}
        ),
    )
    request = AccessRequest(action="s3:GetObject", resource=OBJECT)

    assert decide_access(request, USER_WITH, policy).allowed
    assert decide_access(request, WITH, policy).reason == DENIED_BY_RESOURCE


def test_a_decision_names_the_statement_that_made_it() -> None:
    decision = decide_access(
        AccessRequest(action="s3:GetObject", resource=OBJECT), replace(WITHOUT, policies=[identity(allow(Sid="Read"))])
    )

    assert (decision.policy, decision.sid) == ("identity", "Read")


@pytest.mark.parametrize(
    "document",
    [
        allow(Condition={"NumericLessThan": {"k": "1"}}),
        allow(Condition={"ForSomeValues:StringEquals": {"k": "1"}}),
        allow(Version="2012-10-17"),
        json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "NotPrincipal": "*"}}),
    ],
)
def test_what_is_not_evaluated_is_refused_instead_of_passed_over(document: str) -> None:
    with pytest.raises(UnsupportedPolicyError):
        policy_allows(document, "s3:GetObject", OBJECT)
