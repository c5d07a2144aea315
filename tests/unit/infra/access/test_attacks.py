"""A role of staging reaches nothing of production in the same account, whatever a job writes into its policies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from infra.github.jobs_access import JOB_POLICIES
from infra.naming import CONFIG_NAMESPACE
from local.aws.iam.conditions import RequestContext
from local.aws.iam.evaluation import AccessRequest, Policy, PolicyKind, Principal, decide_access
from tests.unit.infra.conftest import ACCOUNT_ID, REGION
from tests.unit.infra.test_components import deploy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.unit.infra.conftest import Context, Recorder

EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
"""What a job that may write a role's policies can write."""


def stack(environment: str) -> Recorder:
    return deploy(environment=environment, orchestratorHours="weekdays")


def key_arn(environment: str) -> str:
    """Return the key; the recorder gives the keys of all stacks one ARN."""
    recorded = str(stack(environment).outputs["encryption"]["keyArn"])
    return recorded if environment == "staging" else f"{recorded}-{environment}"


def role_policies(role: str) -> tuple[list[str], str | None]:
    """Return what staging declares for a role: its policies, and its boundary if it has one."""
    if role in JOB_POLICIES:
        names = JOB_POLICIES[role]  # type: ignore[index]  # just tested
        return [
            str(stack("staging").one("aws:iam/policy:Policy", f"jobs-{name}").inputs["policy"]) for name in names
        ], None
    name = f"claudefs-staging-{role}"
    own = [str(of.inputs["policy"]) for of in stack("staging").every("RolePolicy") if of.inputs["role"] == name]
    assert own, role
    return own, str(stack("staging").one("aws:iam/policy:Policy", "boundary").inputs["policy"])


def allows(role: str, action: str, resource: str, context: Mapping[str, Any], *, is_rewritten: bool = False) -> bool:
    """Return whether staging's role may: with its declared policies, or with any if a job has rewritten them."""
    documents, boundary = role_policies(role)
    if is_rewritten and boundary:
        documents = [EVERYTHING]
    principal = Principal(
        kind="session",
        arn=f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/claudefs-staging-{role}/session",
        account_id=ACCOUNT_ID,
        policies=[Policy(kind=PolicyKind.IDENTITY, name=role, document=document) for document in documents],
        boundary=Policy(kind=PolicyKind.BOUNDARY, name="boundary", document=boundary) if boundary else None,
    )
    context = {"aws:RequestedRegion": REGION, **context}
    return decide_access(
        AccessRequest(action=action, resource=resource, context=RequestContext(context)), principal
    ).allowed


def bears(of: Mapping[str, str], prefix: str = "aws:ResourceTag") -> Context:
    return {f"{prefix}/{key}": value for key, value in of.items()}


def node_tags(environment: str) -> Mapping[str, str]:
    [tags] = [
        each["tags"]
        for each in stack(environment).one("LaunchTemplate", "storage-a").inputs["tagSpecifications"]
        if each["resourceType"] == "instance"
    ]
    found: Mapping[str, str] = tags
    return found


def bucket(environment: str, name: str) -> str:
    return f"arn:aws:s3:::{stack(environment).one('Bucket', name).inputs['bucket']}"


def state_object(environment: str) -> str:
    return f"{bucket(environment, 'state')}/.pulumi/stacks/{CONFIG_NAMESPACE}/{environment}.json"


def role_arn(environment: str, purpose: str) -> str:
    return f"arn:aws:iam::{ACCOUNT_ID}:role/{stack(environment).one('Role', purpose).inputs['name']}"


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{resource}"


def group_arn(environment: str) -> str:
    name = stack(environment).one("aws:autoscaling/group:Group", "storage-a").inputs["name"]
    return arn("autoscaling", f"autoScalingGroup:1:autoScalingGroupName/{name}")


def document_arn(environment: str, name: str) -> str:
    return arn("ssm", f"document/{stack(environment).one('ssm/document:Document', name).inputs['name']}")


def boundary_of(environment: str) -> Context:
    name = stack(environment).one("aws:iam/policy:Policy", "boundary").inputs["name"]
    return {"iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT_ID}:policy/{name}"}


INSTANCE = arn("ec2", "instance/i-1")
SHELL = {"iam:PolicyARN": "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"}
Attack = tuple[str, str, "Callable[[str], str]", "Callable[[str], Context]"]
"""A role, an action, and the resource and the condition keys by the environment that is attacked."""

ATTACKS: dict[str, Attack] = {
    "read a node's secret": (
        "orchestrator",
        "secretsmanager:GetSecretValue",
        lambda env: arn("secretsmanager", f"secret:cfs/nodes/{env}/key-AbCdEf"),
        lambda env: {"secretsmanager:SecretId": f"cfs/nodes/{env}/key"},
    ),
    "read the state": ("deploy", "s3:GetObject", state_object, lambda _: {}),
    "read the state in a preview": ("preview", "s3:GetObject", state_object, lambda _: {}),
    "overwrite the state": ("deploy", "s3:PutObject", state_object, lambda _: {}),
    "terminate a node": (
        "orchestrator",
        "ec2:TerminateInstances",
        lambda _: INSTANCE,
        lambda env: bears(node_tags(env)),
    ),
    "terminate the orchestrator": (
        "deploy",
        "ec2:TerminateInstances",
        lambda _: INSTANCE,
        lambda env: bears(stack(env).one("Instance").tags),
    ),
    "stop the orchestrator": (
        "orchestrator-hours",
        "ec2:StopInstances",
        lambda _: arn("ec2", "instance/instance-orchestrator"),
        lambda env: bears(stack(env).one("Instance").tags),
    ),
    "run a command on a node": (
        "runbooks",
        "ssm:SendCommand",
        lambda _: INSTANCE,
        lambda env: bears(node_tags(env), "ssm:resourceTag"),
    ),
    "run a document": ("runbooks", "ssm:SendCommand", lambda env: document_arn(env, "drain"), lambda _: {}),
    "start a runbook": (
        "events",
        "ssm:StartAutomationExecution",
        lambda env: document_arn(env, "termination"),
        lambda _: {},
    ),
    "launch into the network": (
        "orchestrator",
        "ec2:RunInstances",
        lambda _: arn("ec2", "subnet/subnet-1"),
        lambda env: bears(stack(env).every("Subnet")[0].tags),
    ),
    "resize a group": (
        "orchestrator",
        "autoscaling:SetDesiredCapacity",
        group_arn,
        lambda env: bears(stack(env).one("aws:autoscaling/group:Group", "storage-a").tags),
    ),
    "overwrite a release": (
        "orchestrator",
        "s3:PutObject",
        lambda env: f"{bucket(env, 'artifacts')}/releases/x",
        lambda _: {},
    ),
    "read a release": ("node", "s3:GetObject", lambda env: f"{bucket(env, 'artifacts')}/releases/x", lambda _: {}),
    "use the key": (
        "orchestrator",
        "kms:Decrypt",
        key_arn,
        lambda _: {"kms:ViaService": f"s3.{REGION}.amazonaws.com"},
    ),
    "write logs": (
        "node",
        "logs:PutLogEvents",
        lambda env: arn("logs", f"log-group:/cfs/{env}/storage:log-stream:i"),
        lambda _: {},
    ),
    "publish an alert": (
        "orchestrator",
        "sns:Publish",
        lambda env: arn("sns", stack(env).one("sns/topic:Topic").inputs["name"]),
        lambda _: {},
    ),
    "give a machine a role": (
        "orchestrator",
        "iam:PassRole",
        lambda env: role_arn(env, "node"),
        lambda _: {"iam:PassedToService": "ec2.amazonaws.com"},
    ),
    "write a role's policy": ("deploy", "iam:PutRolePolicy", lambda env: role_arn(env, "orchestrator"), boundary_of),
    "detach a role's policy": (
        "deploy",
        "iam:DetachRolePolicy",
        lambda env: role_arn(env, "node"),
        lambda env: {**boundary_of(env), **SHELL},
    ),
    "put back a role's boundary": (
        "deploy",
        "iam:PutRolePermissionsBoundary",
        lambda env: role_arn(env, "node"),
        boundary_of,
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_a_role_may_in_its_own_environment_it_may_not_in_another(name: str) -> None:
    role, action, resource, context = ATTACKS[name]

    assert allows(role, action, resource("staging"), context("staging"))
    assert not allows(role, action, resource("prod"), context("prod"))
    assert not allows(role, action, resource("prod"), context("prod"), is_rewritten=True)


@pytest.mark.parametrize("environment", ["staging", "prod"])
@pytest.mark.parametrize(
    "action, context",
    [
        ("iam:UpdateAssumeRolePolicy", {}),
        ("iam:DeleteRolePermissionsBoundary", {}),
        ("iam:CreateRole", {}),
        ("iam:CreateRole", {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"}),
        ("iam:PutRolePermissionsBoundary", {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"}),
        ("iam:AttachRolePolicy", {"iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"}),
    ],
)
def test_no_job_changes_who_assumes_a_role_or_leaves_out_its_boundary(
    environment: str, action: str, context: Context
) -> None:
    context = {**boundary_of("staging"), **context} if action == "iam:AttachRolePolicy" else context

    assert not allows("deploy", action, role_arn(environment, "orchestrator"), context)


def test_tags_that_tell_an_environment_are_not_given_to_what_is_there() -> None:
    asked = {**bears(node_tags("prod")), **bears(node_tags("staging"), "aws:RequestTag"), "aws:TagKeys": "Environment"}

    for role in ("orchestrator", "node", "deploy"):
        assert not allows(role, "ec2:CreateTags", INSTANCE, asked, is_rewritten=True), role
    moved = {**bears(node_tags("staging")), **bears(node_tags("prod"), "aws:RequestTag")}
    assert not allows("deploy", "ec2:CreateTags", INSTANCE, moved)
    assert allows("deploy", "ec2:CreateTags", INSTANCE, {**moved, "aws:RequestTag/Environment": "staging"})
    node = {"ec2:SourceInstanceARN": INSTANCE, "ec2:InstanceID": "i-1"}
    assert not allows("node", "ec2:CreateTags", INSTANCE, {**node, **asked}, is_rewritten=True)


def test_a_role_acts_in_its_region_alone() -> None:
    elsewhere = {"aws:RequestedRegion": "eu-west-1"}

    assert allows("orchestrator", "ec2:DescribeInstances", "*", {})
    assert not allows("orchestrator", "ec2:DescribeInstances", "*", elsewhere, is_rewritten=True)
    assert allows("orchestrator", "ce:GetCostAndUsage", "*", {"aws:RequestedRegion": "us-east-1"})
