"""The roles may do what ClaudeFS's programs do, and nothing beside: their documents are evaluated as IAM would."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID

from infra.access.boundary import boundary_statements
from infra.access.identity import Identity, IdentityArgs
from infra.access.job_scope import JobScope
from infra.access.machine_grants import NODE_GRANTS, ORCHESTRATOR_GRANTS
from infra.access.statements import render_policy
from infra.role_grants import stack_grants
from local.aws.iam.conditions import list_texts
from local.aws.iam.evaluation import policy_allows
from tests.unit.infra.conftest import job_scope, secured_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.access.machine_grants import RoleGrants
    from infra.tags import Tags
    from tests.unit.infra.conftest import Context, Declare, Recorder

REGION = "us-west-2"
ACCOUNT_ID: str = DEFAULT_ACCOUNT_ID
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/key"
EC2 = f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}"
SCOPE = job_scope(key_arn=KEY)
BOUNDARY = render_policy(*boundary_statements(SCOPE, stack_grants(SCOPE)))
ARTIFACTS, CACHE, TOPIC = SCOPE.artifact_bucket_arn, SCOPE.cache_bucket_arn, SCOPE.alert_topic_arn


def statements(grants: RoleGrants, scope: JobScope = SCOPE) -> Iterator[dict[str, Any]]:
    for grant in grants.values():
        yield from json.loads(render_policy(*grant(scope)))["Statement"]


def allows(grants: RoleGrants, action: str, resource: str, context: Context | None = None) -> bool:
    """Evaluate a role's documents as IAM does."""
    return any(policy_allows(render_policy(*grant(SCOPE)), action, resource, context) for grant in grants.values())


def is_within_boundary(action: str, resource: str, context: Context) -> bool:
    return policy_allows(BOUNDARY, action, resource, {**HERE, **context})


def secret(name: str, region: str = REGION) -> str:
    return f"arn:aws:secretsmanager:{region}:{ACCOUNT_ID}:secret:{name}-AbCdEf"


INLINE_POLICIES_LIMIT = 10_240
"""Characters of all inline policies of a role together, white space not counted:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
READ_SECRET = "secretsmanager:GetSecretValue"
HERE = {"aws:RequestedRegion": REGION}
ASKS_FOR_TAGS = {"aws:RequestTag/project": "claudefs", "aws:RequestTag/Environment": "test"}
BEARS_TAGS = {"aws:ResourceTag/project": "claudefs", "aws:ResourceTag/Environment": "test"}
NODE_ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/claudefs-test-node"
TO_EC2 = {"iam:PassedToService": "ec2.amazonaws.com"}
THROUGH_S3 = {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}
GROUP = f"arn:aws:autoscaling:{REGION}:{ACCOUNT_ID}:autoScalingGroup:0:autoScalingGroupName/storage"
NODE_GROUP = GROUP.replace("/storage", "/claudefs-test-storage-a")
LAUNCH = {**HERE, **ASKS_FOR_TAGS, "ec2:MetadataHttpTokens": "required"}
MODEL = "foundation-model/anthropic.claude"
PROFILE = f"arn:aws:bedrock:{REGION}:{ACCOUNT_ID}:inference-profile/us.anthropic.claude"


ORCHESTRATOR_CALLS: list[tuple[str, str, Context]] = [
    ("bedrock:InvokeModel", PROFILE, {}),
    ("bedrock:InvokeModelWithResponseStream", PROFILE.replace("us.", "global."), {}),
    ("bedrock:InvokeModel", f"arn:aws:bedrock:us-east-1::{MODEL}", {"bedrock:InferenceProfileArn": PROFILE}),
    ("bedrock:InvokeModel", f"arn:aws:bedrock:::{MODEL}", {"bedrock:InferenceProfileArn": PROFILE}),
    ("ec2:DescribeInstances", "*", {}),
    ("ec2:DescribeSpotPriceHistory", "*", {}),
    ("ec2:RunInstances", f"{EC2}:instance/i-1", LAUNCH),
    ("ec2:RunInstances", f"{EC2}:volume/vol-1", {**ASKS_FOR_TAGS, "ec2:Encrypted": "true"}),
    ("ec2:RunInstances", f"{EC2}:subnet/subnet-1", BEARS_TAGS),
    ("ec2:RunInstances", f"{EC2}:network-interface/eni-1", HERE),
    ("ec2:RunInstances", f"arn:aws:ec2:{REGION}::image/ami-1", HERE),
    ("ec2:RunInstances", f"{EC2}:spot-instances-request/sir-1", ASKS_FOR_TAGS),
    ("ec2:CreateTags", f"{EC2}:instance/i-1", {"ec2:CreateAction": "RunInstances", **ASKS_FOR_TAGS}),
    ("ec2:TerminateInstances", f"{EC2}:instance/i-1", {**HERE, **BEARS_TAGS, "aws:ResourceTag/Role": "storage"}),
    ("ec2:StopInstances", f"{EC2}:instance/i-1", {**HERE, **BEARS_TAGS, "aws:ResourceTag/Role": "storage"}),
    ("ec2:StartInstances", f"{EC2}:instance/i-1", {**HERE, **BEARS_TAGS, "aws:ResourceTag/Role": "client"}),
    ("ec2:CancelSpotInstanceRequests", f"{EC2}:spot-instances-request/sir-1", {**HERE, **BEARS_TAGS}),
    ("autoscaling:DescribeAutoScalingGroups", "*", {}),
    ("autoscaling:SetDesiredCapacity", GROUP, BEARS_TAGS),
    ("iam:PassRole", NODE_ROLE, TO_EC2),
    (
        "iam:CreateServiceLinkedRole",
        f"arn:aws:iam::{ACCOUNT_ID}:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot",
        {"iam:AWSServiceName": "spot.amazonaws.com"},
    ),
    ("s3:PutObject", f"{ARTIFACTS}/releases/cfs.tar.gz", {}),
    ("s3:ListBucket", CACHE, {}),
    ("s3:DeleteObject", f"{CACHE}/old", {}),
    ("kms:GenerateDataKey", KEY, THROUGH_S3),
    ("kms:Decrypt", KEY, {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}),
    (READ_SECRET, secret("cfs/github-token"), {"secretsmanager:SecretId": "cfs/github-token"}),
    (READ_SECRET, secret("cfs/nodes/test/key"), {"secretsmanager:SecretId": secret("cfs/nodes/test/key")}),
    ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "CFS/Cost"}),
    ("cloudwatch:GetMetricData", "*", {}),
    ("logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:/cfs/test/orchestrator:log-stream:i", {}),
    ("ce:GetCostAndUsage", "*", {}),
    ("budgets:ViewBudget", f"arn:aws:budgets::{ACCOUNT_ID}:budget/claudefs-test-daily", {}),
    ("sns:Publish", TOPIC, {}),
]


def test_the_orchestrator_may_do_what_its_programs_do() -> None:
    assert [call for call in ORCHESTRATOR_CALLS if not allows(ORCHESTRATOR_GRANTS, *call)] == []
    assert [call for call in ORCHESTRATOR_CALLS if not is_within_boundary(*call)] == []


STAGING = {"aws:ResourceTag/project": "claudefs", "aws:ResourceTag/Environment": "staging"}


FOREIGN_TO_ORCHESTRATOR: list[tuple[str, str, Context]] = [
    ("bedrock:InvokeModel", f"arn:aws:bedrock:us-east-1::{MODEL}", {}),
    ("bedrock:InvokeModel", f"arn:aws:bedrock:{REGION}::foundation-model/amazon.titan", {}),
    ("ec2:RunInstances", f"{EC2}:instance/i-1", {**HERE, "ec2:MetadataHttpTokens": "required"}),
    ("ec2:RunInstances", f"{EC2}:instance/i-1", {**LAUNCH, "ec2:MetadataHttpTokens": "optional"}),
    ("ec2:RunInstances", f"{EC2}:instance/i-1", {**LAUNCH, "aws:RequestTag/project": "ClaudeFS"}),
    ("ec2:RunInstances", f"{EC2}:instance/i-1", {**LAUNCH, "aws:RequestTag/Environment": "staging"}),
    ("ec2:RunInstances", f"{EC2}:volume/vol-1", {**ASKS_FOR_TAGS, "ec2:Encrypted": "false"}),
    ("ec2:RunInstances", f"{EC2}:subnet/subnet-1", STAGING),
    ("ec2:RunInstances", f"{EC2}:security-group/sg-1", {}),
    ("ec2:RunInstances", f"{EC2.replace(REGION, 'us-east-1')}:instance/i-1", LAUNCH),
    ("ec2:CreateTags", f"{EC2}:instance/i-1", ASKS_FOR_TAGS),
    ("ec2:CreateTags", f"{EC2}:instance/i-1", {"ec2:CreateAction": "CreateVolume", **ASKS_FOR_TAGS}),
    ("ec2:TerminateInstances", f"{EC2}:instance/i-1", HERE),
    ("ec2:TerminateInstances", f"{EC2}:instance/i-1", {**HERE, **STAGING}),
    (
        "ec2:TerminateInstances",
        f"{EC2}:instance/i-1",
        {**HERE, **BEARS_TAGS, "aws:ResourceTag/Role": "orchestrator"},
    ),
    ("ec2:StopInstances", f"{EC2}:instance/i-1", {**HERE, "aws:ResourceTag/Project": "claudefs"}),
    ("ec2:ModifyInstanceAttribute", f"{EC2}:instance/i-1", {**HERE, **BEARS_TAGS}),
    ("autoscaling:SetDesiredCapacity", GROUP, STAGING),
    ("autoscaling:DeleteAutoScalingGroup", GROUP, BEARS_TAGS),
    ("iam:PassRole", NODE_ROLE, {}),
    ("iam:PassRole", NODE_ROLE, {"iam:PassedToService": "lambda.amazonaws.com"}),
    ("iam:PassRole", NODE_ROLE.replace("node", "orchestrator"), TO_EC2),
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT_ID}:role/admin", TO_EC2),
    ("iam:PutRolePolicy", NODE_ROLE, {}),
    ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT_ID}:role/admin", {}),
    ("s3:GetObject", "arn:aws:s3:::claudefs-test-state/state.json", {}),
    ("s3:DeleteObject", f"{ARTIFACTS}/releases/cfs.tar.gz", {}),
    ("s3:DeleteObjectVersion", f"{CACHE}/old", {}),
    ("s3:DeleteBucket", CACHE, {}),
    ("kms:Decrypt", KEY, {}),
    ("kms:ScheduleKeyDeletion", KEY, THROUGH_S3),
    ("kms:CreateGrant", KEY, {"kms:ViaService": f"ec2.{REGION}.amazonaws.com"}),
    (READ_SECRET, secret("other/password"), {}),
    (READ_SECRET, secret("cfs/nodes/prod/key"), {"secretsmanager:SecretId": "cfs/nodes/prod/key"}),
    (READ_SECRET, secret("cfs/nodes/prod/key"), {"secretsmanager:SecretId": secret("cfs/nodes/prod/key")}),
    (READ_SECRET, secret("cfs/github-token", region="us-east-1"), {}),
    ("secretsmanager:PutSecretValue", secret("cfs/github-token"), {}),
    ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "AWS/EC2"}),
    ("cloudwatch:PutMetricData", "*", {}),
    (
        "logs:PutLogEvents",
        f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:/cfs/staging/orchestrator:log-stream:i",
        {},
    ),
    ("logs:DeleteLogGroup", f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:/cfs/test/orchestrator", {}),
    ("budgets:ModifyBudget", f"arn:aws:budgets::{ACCOUNT_ID}:budget/claudefs-test-daily", {}),
    ("sns:Publish", TOPIC.replace("test", "staging"), {}),
]


def test_the_orchestrator_may_not_do_what_is_not_its_work() -> None:
    assert [call for call in FOREIGN_TO_ORCHESTRATOR if allows(ORCHESTRATOR_GRANTS, *call)] == []


ITSELF = {"ec2:SourceInstanceARN": f"{EC2}:instance/i-1", "ec2:InstanceID": "i-1", "aws:TagKeys": "Name"}


NODE_CALLS: list[tuple[str, str, Context]] = [
    ("s3:GetObject", f"{ARTIFACTS}/releases/cfs.tar.gz", {}),
    ("s3:ListBucket", ARTIFACTS, {}),
    ("kms:Decrypt", KEY, THROUGH_S3),
    (READ_SECRET, secret("cfs/nodes/test/encryption"), {}),
    ("ec2:DescribeInstances", "*", {}),
    ("ec2:CreateTags", f"{EC2}:instance/i-1", ITSELF),
    ("ec2:CreateTags", f"{EC2}:instance/i-1", {**ITSELF, "aws:TagKeys": ("Name", "NodeNum")}),
    ("ec2:CreateTags", f"{EC2}:instance/i-1", {**ITSELF, "aws:TagKeys": "Version"}),
    ("ec2:CreateTags", f"{EC2}:instance/i-1", {**ITSELF, "aws:TagKeys": "BootState"}),
    ("autoscaling:CompleteLifecycleAction", NODE_GROUP, BEARS_TAGS),
    ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "CFS/Cluster"}),
    ("s3:GetObject", f"{ARTIFACTS}/environments/test/version.json", {}),
    (READ_SECRET, secret("cfs/nodes/test/management"), {}),
    ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "CFS/Storage"}),
    ("logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:/cfs/test/storage:log-stream:i", {}),
]


def test_a_node_may_do_what_its_programs_do() -> None:
    assert [call for call in NODE_CALLS if not allows(NODE_GRANTS, *call)] == []
    assert [call for call in NODE_CALLS if not is_within_boundary(*call)] == []


FOREIGN_TO_NODES: list[tuple[str, str, Context]] = [
    (READ_SECRET, secret("cfs/github-token"), {}),
    (READ_SECRET, secret("cfs/ssh-private-key"), {}),
    (READ_SECRET, secret("cfs/gpg-key"), {}),
    (READ_SECRET, secret("cfs/nodes-and-more"), {}),
    (READ_SECRET, secret("cfs/nodes/staging/encryption"), {}),
    ("s3:PutObject", f"{ARTIFACTS}/releases/cfs.tar.gz", {}),
    ("s3:GetObject", f"{CACHE}/object", {}),
    ("kms:GenerateDataKey", KEY, THROUGH_S3),
    ("ec2:CreateTags", f"{EC2}:instance/i-2", {**ITSELF, "ec2:InstanceID": "i-2"}),
    ("ec2:CreateTags", f"{EC2}:instance/i-1", {**ITSELF, "aws:TagKeys": ("Name", "project")}),
    ("ec2:CreateTags", f"{EC2}:instance/i-1", {**ITSELF, "aws:TagKeys": "Role"}),
    ("ec2:CreateTags", f"{EC2}:instance/i-1", {**ITSELF, "aws:TagKeys": ()}),
    ("ec2:CreateTags", f"{EC2}:instance/i-2", {**ITSELF, "ec2:InstanceID": "i-2", "aws:TagKeys": "Version"}),
    ("ec2:CreateTags", f"{EC2}:volume/vol-1", ITSELF),
    ("autoscaling:CompleteLifecycleAction", NODE_GROUP.replace("test", "staging"), BEARS_TAGS),
    ("autoscaling:CompleteLifecycleAction", NODE_GROUP, STAGING),
    ("autoscaling:CompleteLifecycleAction", NODE_GROUP, {}),
    ("autoscaling:CompleteLifecycleAction", GROUP, BEARS_TAGS),
    ("autoscaling:SetDesiredCapacity", NODE_GROUP, BEARS_TAGS),
    ("autoscaling:TerminateInstanceInAutoScalingGroup", NODE_GROUP, BEARS_TAGS),
    ("ec2:RunInstances", f"{EC2}:instance/i-1", LAUNCH),
    ("ec2:TerminateInstances", f"{EC2}:instance/i-1", {**HERE, **BEARS_TAGS}),
    ("autoscaling:CompleteLifecycleAction", NODE_GROUP, {**BEARS_TAGS, "aws:ResourceTag/Environment": "prod"}),
    ("autoscaling:SetDesiredCapacity", GROUP, BEARS_TAGS),
    ("ssm:SendCommand", f"{EC2}:instance/i-2", {}),
    ("iam:PassRole", NODE_ROLE, TO_EC2),
    ("bedrock:InvokeModel", PROFILE, {}),
    ("sns:Publish", TOPIC, {}),
    ("ce:GetCostAndUsage", "*", {}),
]


def test_a_node_may_not_do_what_is_not_its_work() -> None:
    assert [call for call in FOREIGN_TO_NODES if allows(NODE_GRANTS, *call)] == []


@pytest.mark.parametrize("grants", [ORCHESTRATOR_GRANTS, NODE_GRANTS])
def test_no_action_has_a_wildcard_and_nothing_is_denied_or_inverted(grants: RoleGrants) -> None:
    for said in statements(grants):
        assert not [action for action in list_texts(said["Action"]) if "*" in action or "?" in action]
        assert said["Effect"] == "Allow"
        assert not {"NotAction", "NotResource", "NotPrincipal", "Principal"} & set(said)


@pytest.mark.parametrize("grants", [ORCHESTRATOR_GRANTS, NODE_GRANTS])
def test_inline_policies_fit_even_with_the_longest_names(grants: RoleGrants) -> None:
    longest = replace(
        SCOPE, region="ap-southeast-99", environment="e" * 20, key_arn=KEY.replace("key/key", "key/" + "k" * 36)
    )
    assert sum(len(render_policy(*grant(longest))) for grant in grants.values()) < INLINE_POLICIES_LIMIT


@pytest.fixture(scope="module")
def recorder(declare: Declare, tags: Tags) -> Recorder:
    return declare(lambda: Identity("identity", args=arguments(tags)).node_profile)


def arguments(tags: Tags) -> IdentityArgs:
    return IdentityArgs(stack=secured_stack(tags, key_arn=KEY))


@pytest.mark.parametrize("purpose", ["orchestrator", "node"])
def test_only_ec2_assumes_the_roles(recorder: Recorder, purpose: str) -> None:
    trust = recorder.one("Role", purpose).document("assumeRolePolicy")["Statement"]
    assert [(said["Principal"], said["Action"]) for said in trust] == [
        ({"Service": "ec2.amazonaws.com"}, "sts:AssumeRole")
    ]


@pytest.mark.parametrize("purpose", ["orchestrator", "node"])
def test_names_are_the_environments_own(recorder: Recorder, purpose: str) -> None:
    assert recorder.one("Role", purpose).inputs["name"] == f"claudefs-test-{purpose}"
    assert recorder.one("InstanceProfile", purpose).inputs["name"] == f"claudefs-test-{purpose}"


def test_the_role_that_may_be_passed_is_the_nodes(recorder: Recorder) -> None:
    said = recorder.one("RolePolicy", "orchestrator-compute").document()["Statement"]
    passed = [of["Resource"] for of in said if of["Action"] == "iam:PassRole"]
    assert passed == [f"arn:aws:iam::{ACCOUNT_ID}:role/{recorder.one('Role', 'node').inputs['name']}"]


def test_each_role_has_exactly_the_policies_of_its_grants(recorder: Recorder) -> None:
    declared = {of.name: of.document()["Statement"] for of in recorder.of("RolePolicy")}
    wanted = {
        f"{purpose}-{concern}": json.loads(render_policy(*grant(SCOPE)))["Statement"]
        for purpose, grants in (("orchestrator", ORCHESTRATOR_GRANTS), ("node", NODE_GRANTS))
        for concern, grant in grants.items()
    }
    assert declared == wanted


def test_shells_come_through_session_manager_and_no_other_policy_is_attached(recorder: Recorder) -> None:
    attached = {of.name: of.inputs["policyArn"] for of in recorder.of("RolePolicyAttachment")}
    core = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    assert attached == {"orchestrator-ssm": core, "node-ssm": core}


def test_a_profile_waits_for_all_rights_of_its_role(recorder: Recorder) -> None:
    assert {"orchestrator-compute", "orchestrator-data", "orchestrator-models", "orchestrator-ssm"} <= recorder.one(
        "InstanceProfile", "orchestrator"
    ).depends_on


def test_roles_and_profiles_bear_the_required_tags(recorder: Recorder) -> None:
    tagged = [*recorder.of("Role"), *recorder.of("InstanceProfile")]
    assert len(tagged) == 4
    assert {of.tags["project"] for of in tagged} == {"claudefs"}
    assert len({(of.type, of.tags["Name"]) for of in tagged}) == 4


def test_outputs_name_both_roles_and_profiles(recorder: Recorder) -> None:
    outputs = recorder.outputs["identity"]
    assert set(outputs) == {"orchestratorRoleArn", "orchestratorProfile", "nodeRoleArn", "nodeProfile"}
    assert all(outputs.values())
    assert recorder.result == "claudefs-test-node"


def test_arguments_are_frozen_and_keyword_only() -> None:
    for type_ in cast("tuple[Any, ...]", (IdentityArgs, JobScope)):
        assert all(field.kw_only for field in fields(type_))
        assert type_.__dataclass_params__.frozen
