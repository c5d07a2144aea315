"""Statements say one narrow thing each, and cannot be constructed wide."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID

from infra.access import grants
from infra.access.machine_grants import invoke_models
from infra.access.statements import (
    CALLER_KEYS,
    Condition,
    PolicyError,
    Principal,
    Statement,
    arn_like,
    render_policy,
    source_conditions,
    string_equals,
    trust_service,
)
from infra.scope import Scope, SecuredScope
from local.aws.iam.evaluation import policy_allows

REGION = "us-west-2"
ACCOUNT_ID: str = DEFAULT_ACCOUNT_ID
BUCKET = "arn:aws:s3:::bucket"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/key"
SCOPE = SecuredScope(account_id=ACCOUNT_ID, region=REGION, environment="test", key_arn=KEY)


@pytest.mark.parametrize(
    "action",
    ["*", "s3:*", "s3:Get*", "s3:GetObjec?", "ec2:Describe*", "*:GetObject", "GetObject", ":GetObject", "s3:", ""],
)
def test_an_action_that_is_not_one_action_in_full_is_refused(action: str) -> None:
    with pytest.raises(PolicyError, match=r"statement 'Wide': action .* must be one action in full"):
        Statement(sid="Wide", actions=(action,), resources=(BUCKET,))


def test_one_wide_action_among_narrow_ones_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"s3:\*"):
        Statement(sid="Wide", actions=("s3:GetObject", "s3:*"), resources=(BUCKET,))


@pytest.mark.parametrize("resources", [("*", BUCKET), ("bucket/*",), ("",), ("**",)])
def test_a_resource_that_is_no_arn_is_refused(resources: tuple[str, ...]) -> None:
    with pytest.raises(PolicyError, match="is not an ARN"):
        Statement(sid="Wide", actions=("s3:GetObject",), resources=resources)


def test_only_kms_actions_name_everything_in_the_policy_of_a_resource() -> None:
    service = Principal(kind="Service", value="budgets.amazonaws.com")
    assert Statement(sid="Key", actions=("kms:Decrypt",), resources=("*",), principal=service).principal == service
    with pytest.raises(PolicyError, match="only a KMS key's policy"):
        Statement(sid="Topic", actions=("sns:Publish",), resources=("*",), principal=service)


def test_a_principal_that_is_everybody_is_refused() -> None:
    with pytest.raises(PolicyError, match="grants access to others"):
        Statement(sid="Open", actions=("sns:Publish",), resources=(BUCKET,), principal=Principal(kind="AWS", value="*"))


CALLERS = tuple(string_equals(key, "a") for key in sorted(CALLER_KEYS))


@pytest.mark.parametrize(
    "changed",
    [
        {"conditions": ()},
        {"conditions": CALLERS[:1]},
        {"conditions": CALLERS[1:]},
        {"conditions": (CALLERS[0], string_equals(CALLERS[1].key, "*"))},
        {"conditions": (CALLERS[0], string_equals(CALLERS[1].key))},
        {"conditions": (CALLERS[0], arn_like(CALLERS[1].key, "a"))},
        {"actions": ("sns:Publish",)},
        {"resources": (KEY,)},
    ],
)
def test_everybody_is_allowed_only_to_use_a_key_as_callers_that_are_named_exactly(changed: dict[str, Any]) -> None:
    everybody = Principal(kind="AWS", value="*")
    named = Statement(sid="Key", actions=("kms:Decrypt",), resources=("*",), conditions=CALLERS, principal=everybody)

    with pytest.raises(PolicyError, match="grants access to others"):
        replace(named, **changed)


@pytest.mark.parametrize("sid", ["", "Has Space", "Has-Hyphen", "Größe"])
def test_a_sid_that_iam_would_refuse_is_refused(sid: str) -> None:
    with pytest.raises(PolicyError, match="the Sid must be letters and digits"):
        Statement(sid=sid, actions=("s3:GetObject",), resources=(BUCKET,))


def test_a_statement_without_actions_or_resources_is_refused() -> None:
    with pytest.raises(PolicyError, match="needs actions"):
        Statement(sid="None", actions=(), resources=(BUCKET,))
    with pytest.raises(PolicyError, match="needs actions, and resources or a principal"):
        Statement(sid="None", actions=("s3:GetObject",))


def test_a_document_refuses_two_statements_of_one_sid_and_none() -> None:
    statement = Statement(sid="Read", actions=("s3:GetObject",), resources=(BUCKET,))
    with pytest.raises(PolicyError, match="different Sids"):
        render_policy(statement, statement)
    with pytest.raises(PolicyError, match="needs statements"):
        render_policy()


def test_a_document_says_what_its_statements_say_without_white_space() -> None:
    text = render_policy(
        Statement(
            sid="Read",
            actions=("s3:GetObject",),
            resources=(BUCKET, f"{BUCKET}/*"),
            conditions=(
                string_equals("aws:RequestedRegion", REGION),
                string_equals("aws:SourceAccount", ACCOUNT_ID),
                Condition(operator="Bool", key="aws:SecureTransport", values=("true",)),
            ),
        )
    )
    assert " " not in text
    assert json.loads(text) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Read",
                "Effect": "Allow",
                "Action": "s3:GetObject",
                "Resource": [BUCKET, f"{BUCKET}/*"],
                "Condition": {
                    "StringEquals": {"aws:RequestedRegion": REGION, "aws:SourceAccount": ACCOUNT_ID},
                    "Bool": {"aws:SecureTransport": "true"},
                },
            }
        ],
    }


def test_conditions_of_one_operator_and_key_are_not_lost() -> None:
    both = (
        string_equals("aws:RequestTag/project", "a"),
        string_equals("aws:RequestTag/project", "b"),
    )
    with pytest.raises(PolicyError, match="aws:RequestTag/project is tested twice"):
        Statement(sid="Twice", actions=("s3:GetObject",), resources=(BUCKET,), conditions=both)


def test_a_trust_policy_lets_one_service_assume_the_role() -> None:
    assert json.loads(render_policy(trust_service("ec2.amazonaws.com")))["Statement"] == [
        {
            "Sid": "ServiceMayAssume",
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ]


def test_a_trust_policy_may_ask_for_whom_the_service_acts() -> None:
    rules = f"arn:aws:events:{REGION}:{ACCOUNT_ID}:rule/*"
    [said] = json.loads(render_policy(trust_service("events.amazonaws.com", *source_conditions(ACCOUNT_ID, rules))))[
        "Statement"
    ]
    assert said["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT_ID},
        "ArnLike": {"aws:SourceArn": rules},
    }


@pytest.mark.parametrize("type_", [Statement, Condition, Principal, Scope])
def test_values_are_frozen_and_keyword_only(type_: Any) -> None:
    assert all(field.kw_only for field in fields(type_))
    assert type_.__dataclass_params__.frozen


TAGS_ASKED_FOR = {"aws:RequestTag/project": "claudefs", "aws:RequestTag/Environment": "test"}
TAGS_BORNE = {"aws:ResourceTag/project": "claudefs", "aws:ResourceTag/Environment": "test"}
IN_REGION = {"aws:RequestedRegion": REGION}
EC2 = f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}"
SSM = f"arn:aws:ssm:{REGION}:{ACCOUNT_ID}"


@pytest.mark.parametrize(
    "statement, actions, resources, conditions",
    [
        (grants.list_objects(BUCKET), "s3:ListBucket", BUCKET, {}),
        (
            grants.use_key(SCOPE, services=["s3"], encrypt=False),
            "kms:Decrypt",
            KEY,
            {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}},
        ),
        (
            grants.use_key(SCOPE, services=["s3", "sns"], encrypt=True),
            ["kms:Decrypt", "kms:GenerateDataKey"],
            KEY,
            {"StringEquals": {"kms:ViaService": [f"s3.{REGION}.amazonaws.com", f"sns.{REGION}.amazonaws.com"]}},
        ),
        (
            grants.encrypt_disks(SCOPE)[1],
            "kms:CreateGrant",
            KEY,
            {
                "StringEquals": {"kms:ViaService": f"ec2.{REGION}.amazonaws.com"},
                "Bool": {"kms:GrantIsForAWSResource": "true"},
            },
        ),
        (
            grants.read_secrets(SCOPE, "cfs/"),
            ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
            f"arn:aws:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:cfs/*",
            {},
        ),
        (
            grants.put_metrics("CFS/*"),
            "cloudwatch:PutMetricData",
            "*",
            {"StringLike": {"cloudwatch:namespace": "CFS/*"}},
        ),
        (
            grants.write_logs(SCOPE),
            ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
            [
                f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:/cfs/test/*",
                f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:/cfs/test/*:log-stream:*",
            ],
            {},
        ),
        (
            grants.run_tagged_instances(SCOPE)[0],
            "ec2:RunInstances",
            f"{EC2}:instance/*",
            {"StringEquals": {**TAGS_ASKED_FOR, **IN_REGION, "ec2:MetadataHttpTokens": "required"}},
        ),
        (
            grants.run_tagged_instances(SCOPE)[1],
            "ec2:RunInstances",
            f"{EC2}:volume/*",
            {"StringEquals": TAGS_ASKED_FOR, "Bool": {"ec2:Encrypted": "true"}},
        ),
        (
            grants.run_tagged_instances(SCOPE)[3],
            "ec2:RunInstances",
            [f"{EC2}:subnet/*", f"{EC2}:security-group/*", f"{EC2}:launch-template/*"],
            {"StringEquals": TAGS_BORNE},
        ),
        (
            grants.pass_role(f"arn:aws:iam::{ACCOUNT_ID}:role/node", service="ec2.amazonaws.com"),
            "iam:PassRole",
            f"arn:aws:iam::{ACCOUNT_ID}:role/node",
            {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
        ),
        (
            grants.pass_role(f"arn:aws:iam::{ACCOUNT_ID}:role/runbooks", service="ssm.amazonaws.com"),
            "iam:PassRole",
            f"arn:aws:iam::{ACCOUNT_ID}:role/runbooks",
            {"StringEquals": {"iam:PassedToService": "ssm.amazonaws.com"}},
        ),
        (
            grants.send_commands(SCOPE, ["claudefs-test-drain"])[0],
            "ssm:SendCommand",
            f"{SSM}:document/claudefs-test-drain",
            {},
        ),
        (
            grants.send_commands(SCOPE, ["claudefs-test-drain"])[1],
            "ssm:SendCommand",
            f"{EC2}:instance/*",
            {"StringEquals": {"ssm:resourceTag/project": "claudefs", "ssm:resourceTag/Environment": "test"}},
        ),
        (
            grants.complete_lifecycle_actions(SCOPE),
            "autoscaling:CompleteLifecycleAction",
            f"arn:aws:autoscaling:{REGION}:{ACCOUNT_ID}:autoScalingGroup:*:autoScalingGroupName/claudefs-test-*",
            {"StringEquals": TAGS_BORNE},
        ),
    ],
)
def test_each_verb_grants_exactly_this(
    statement: Statement, actions: object, resources: object, conditions: dict[str, object]
) -> None:
    said = statement.to_json()
    assert said["Effect"] == "Allow"
    assert (said["Action"], said["Resource"], said.get("Condition", {})) == (actions, resources, conditions)


MODEL = "anthropic.claude-haiku-4-5"


def profile(region: str, geography: str, model: str = MODEL) -> str:
    return f"arn:aws:bedrock:{region}:{ACCOUNT_ID}:inference-profile/{geography}.{model}"


def may_invoke(region: str, resource: str, *, through: str | None = None) -> bool:
    """Return whether a role in a region may invoke a profile or, through a profile, a model."""
    document = render_policy(*invoke_models(replace(SCOPE, region=region)))
    return policy_allows(
        document, "bedrock:InvokeModel", resource, {"bedrock:InferenceProfileArn": through} if through else {}
    )


@pytest.mark.parametrize(
    "region, geography, destination",
    [
        ("us-west-2", "us", "us-east-1"),
        ("eu-west-1", "eu", "eu-south-2"),
        ("eu-central-2", "eu", "eu-north-1"),
        ("ap-northeast-1", "jp", "ap-northeast-3"),
        ("ap-southeast-2", "au", "ap-southeast-4"),
        ("ap-southeast-1", "apac", "me-central-1"),
        ("ap-south-1", "in", "ap-south-2"),
        ("ca-central-1", "us", "us-east-2"),
        ("ca-central-1", "ca", "ca-west-1"),
        ("sa-east-1", "global", ""),
    ],
)
def test_models_of_other_regions_are_reached_through_the_regions_own_profiles(
    region: str, geography: str, destination: str
) -> None:
    own = profile(region, geography)
    model = f"arn:aws:bedrock:{destination}::foundation-model/{MODEL}"

    assert may_invoke(region, own)
    assert may_invoke(region, model, through=own)
    assert not may_invoke(region, model)
    assert not may_invoke(region, model, through=profile("us-east-1", geography))
    assert not may_invoke(region, profile("us-east-1", geography))


@pytest.mark.parametrize(
    "resource",
    [
        profile("eu-west-1", "eu", "amazon.nova-lite"),
        f"arn:aws:bedrock:eu-west-1:{ACCOUNT_ID}:application-inference-profile/a1b2",
        "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-lite",
    ],
)
def test_models_of_other_makers_are_not_reached(resource: str) -> None:
    assert not may_invoke("eu-west-1", resource)
    assert may_invoke("eu-west-1", f"arn:aws:bedrock:eu-west-1::foundation-model/{MODEL}")
