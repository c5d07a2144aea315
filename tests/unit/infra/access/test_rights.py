"""What jobs on GitHub may do in AWS: by AWS's own reference of actions, and as IAM would evaluate it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, get_args

import pytest
from policy_sentry.querying.actions import get_action_data

from infra.access.rights.model import Right, policy_statements
from infra.access.statements import EVERYTHING, existing_tag_conditions, requested_tag_conditions
from infra.github.jobs_access import (
    JOB_POLICIES,
    MANAGED_POLICY_COUNT_LIMIT,
    MANAGED_POLICY_SIZE_LIMIT,
    POLICY_TABLES,
    JobKind,
    job_policy_document,
    job_policy_rights,
    token_subjects,
    trust_jobs,
)
from local.aws.iam.conditions import matches_pattern
from local.aws.iam.evaluation import policy_allows
from tests.unit.infra.conftest import ACCOUNT_ID, REGION, job_scope

LONGEST = "a" * 20
"""The longest name that a stack can have."""
SCOPE = job_scope("prod")
EC2 = f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}"
IAM = f"arn:aws:iam::{ACCOUNT_ID}"
BOUNDARY = {"iam:PermissionsBoundary": f"{IAM}:policy/claudefs-prod-boundary"}
GUARD_BOUNDARY = {"iam:PermissionsBoundary": f"{IAM}:policy/claudefs-prod-guard-boundary"}
HERE = {"aws:RequestedRegion": REGION}
ASKS_FOR_TAGS = {"aws:RequestTag/project": "claudefs", "aws:RequestTag/Environment": "prod"}
BEARS_TAGS = {"aws:ResourceTag/project": "claudefs", "aws:ResourceTag/Environment": "prod"}
STAGING = {"aws:ResourceTag/project": "claudefs", "aws:ResourceTag/Environment": "staging"}
NEW = {"s3:if-none-match": "*"}
NODE = {"ssm:resourceTag/project": "claudefs", "ssm:resourceTag/Environment": "prod"}
STATE = f"{SCOPE.state_bucket_arn}/.pulumi/stacks/claudefs-infra/prod.json"
TO_EC2 = {"iam:PassedToService": "ec2.amazonaws.com"}
PER_RESOURCE = {"ec2:CreateTags", "ec2:RunInstances"}
"""Actions that are checked by the tags of each resource: a type that they do not touch would promise a check."""
GLOBAL_KEYS = {"aws:RequestedRegion"}
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html"""

Context = dict[str, str]


def allows(job: JobKind, action: str, resource: str, context: Context | None = None) -> bool:
    """Evaluate the policies of a job's role as IAM does; there are only statements that allow."""
    return any(
        policy_allows(job_policy_document(policy, SCOPE), action, resource, context) for policy in JOB_POLICIES[job]
    )


def reference(action: str) -> list[dict[str, Any]]:
    """Return what AWS's reference says of an action: a row for each resource type, and one of `*`."""
    service, _, name = action.partition(":")
    found = get_action_data(service, name)
    assert found, f"there is no action {action}"
    rows: list[dict[str, Any]] = found[service]
    return rows


def meant(row: dict[str, Any], resource: str) -> bool:
    """Return whether a resource of a right is of the type that a row is about."""
    pattern = re.sub(r"\$\{\w+\}", "*", row["resource_arn_format"])
    # Some have no region, some no account; either side may have a pattern.
    return row["resource_arn_format"] != "*" and (
        matches_pattern(pattern, resource.replace("*", "x")) or matches_pattern(resource, pattern.replace("*", "x"))
    )


@pytest.mark.parametrize("policy", POLICY_TABLES)
def test_every_action_exists_and_touches_the_resources_that_it_is_allowed_on(policy: str) -> None:
    for right in job_policy_rights(policy, SCOPE):
        for action in right.actions:
            rows = reference(action)
            if right.resources == (EVERYTHING,):
                assert {row["resource_arn_format"] for row in rows} == {"*"}, f"{action} can be limited"
            else:
                touched = [any(meant(row, resource) for row in rows) for resource in right.resources]
                assert all(touched) if action in PER_RESOURCE else any(touched), action


@pytest.mark.parametrize("policy", POLICY_TABLES)
def test_every_condition_is_one_that_aws_knows_for_the_action(policy: str) -> None:
    for right in job_policy_rights(policy, SCOPE):
        keys = {re.sub(r"(Tag/).*", r"\1${TagKey}", condition.key) for condition in right.conditions} - GLOBAL_KEYS
        for action in right.actions:
            known = {
                key
                for row in reference(action)
                if row["resource_arn_format"] == "*" or any(meant(row, resource) for resource in right.resources)
                for key in row["condition_keys"]
            }
            assert keys <= known, f"{action}: {keys - known}"


NOT_NEEDED_HERE = {
    "billing:GetBillingViewData": "for a budget on a billing view of one's own",
    "lambda:PassCapacityProvider": "for functions on instances of one's own",
    "route53:AssociateVPCWithHostedZone": "for an endpoint with an interface; S3's is a gateway",
}
"""What AWS's reference says that some action may need beside, and why it is not allowed."""


def actions_of(job: JobKind) -> set[str]:
    return {
        action for policy in JOB_POLICIES[job] for right in job_policy_rights(policy, SCOPE) for action in right.actions
    }


@pytest.mark.parametrize("job", get_args(JobKind))
def test_what_an_action_needs_beside_is_allowed_too(job: JobKind) -> None:
    allowed = actions_of(job)
    needed = {beside for action in allowed for row in reference(action) for beside in row["dependent_actions"]}

    assert needed - allowed <= NOT_NEEDED_HERE.keys()


@pytest.mark.parametrize("policy", POLICY_TABLES)
def test_every_policy_fits_iams_limit_in_the_stack_with_the_longest_name(policy: str) -> None:
    longest = replace(SCOPE, environment=LONGEST)

    assert len(job_policy_document(policy, longest)) <= MANAGED_POLICY_SIZE_LIMIT


def test_no_role_has_more_policies_than_iam_lets_it_have_and_every_policy_is_some_roles() -> None:
    assert max(len(granted) for granted in JOB_POLICIES.values()) <= MANAGED_POLICY_COUNT_LIMIT
    assert {policy for granted in JOB_POLICIES.values() for policy in granted} == set(POLICY_TABLES)


DEPLOYMENT_CALLS: list[tuple[str, str, Context]] = [
    ("ec2:CreateSubnet", f"{EC2}:subnet/*", {**HERE, **ASKS_FOR_TAGS}),
    ("ec2:CreateSubnet", f"{EC2}:vpc/vpc-1", BEARS_TAGS),
    ("ec2:CreateTags", f"{EC2}:subnet/subnet-1", {"ec2:CreateAction": "CreateSubnet", **ASKS_FOR_TAGS}),
    ("ec2:DeleteSubnet", f"{EC2}:subnet/subnet-1", BEARS_TAGS),
    ("ec2:TerminateInstances", f"{EC2}:instance/i-1", BEARS_TAGS),
    ("ec2:RevokeSecurityGroupEgress", f"{EC2}:security-group/sg-1", {"ec2:Vpc": f"{EC2}:vpc/{SCOPE.vpc_id}"}),
    ("ec2:DescribeVpcs", "*", HERE),
    ("s3:PutBucketPolicy", SCOPE.cache_bucket_arn, {}),
    ("s3:PutObject", STATE, {}),
    ("s3:DeleteObject", f"{SCOPE.state_bucket_arn}/.pulumi/locks/organization/claudefs-infra/prod/1.json", {}),
    ("s3:PutObject", f"{SCOPE.artifact_bucket_arn}/releases/{'0' * 40}/release.json", NEW),
    ("s3:PutObject", f"{SCOPE.artifact_bucket_arn}/environments/prod/version.json", {"s3:if-match": "x"}),
    ("ssm:SendCommand", f"arn:aws:ssm:{REGION}:{ACCOUNT_ID}:document/claudefs-prod-install", {}),
    ("ssm:SendCommand", f"{EC2}:instance/i-1", NODE),
    ("iam:PutRolePolicy", f"{IAM}:role/claudefs-prod-orchestrator", BOUNDARY),
    ("iam:CreateRole", f"{IAM}:role/claudefs-prod-guard", GUARD_BOUNDARY),
    ("iam:PassRole", f"{IAM}:role/claudefs-prod-node", TO_EC2),
    ("kms:CreateKey", "*", {**HERE, **ASKS_FOR_TAGS}),
]


def test_a_deployment_may_do_what_deploying_needs() -> None:
    assert [call for call in DEPLOYMENT_CALLS if not allows("deploy", *call)] == []


FOREIGN_TO_DEPLOYMENTS: list[tuple[str, str, Context]] = [
    ("ec2:CreateSubnet", f"{EC2}:subnet/*", HERE),
    ("ec2:CreateSubnet", f"{EC2}:subnet/*", {**ASKS_FOR_TAGS, "aws:RequestedRegion": "us-east-1"}),
    ("ec2:CreateSubnet", f"{EC2}:vpc/vpc-1", {**HERE, **ASKS_FOR_TAGS}),
    ("ec2:CreateSubnet", f"{EC2}:vpc/vpc-1", STAGING),
    ("ec2:CreateNatGateway", f"{EC2}:subnet/subnet-1", {**HERE, **ASKS_FOR_TAGS}),
    ("ec2:CreateVpcEndpoint", f"{EC2}:route-table/rtb-1", {**HERE, **ASKS_FOR_TAGS}),
    ("ec2:AuthorizeSecurityGroupIngress", f"{EC2}:security-group/sg-1", {**HERE, **ASKS_FOR_TAGS}),
    ("ec2:CreateTags", f"{EC2}:instance/i-1", ASKS_FOR_TAGS),
    ("ec2:DeleteSubnet", f"{EC2}:subnet/subnet-1", STAGING),
    ("ec2:TerminateInstances", f"{EC2}:instance/i-1", {}),
    ("ec2:RevokeSecurityGroupEgress", f"{EC2}:security-group/sg-1", {"ec2:Vpc": f"{EC2}:vpc/vpc-2"}),
    ("s3:GetObject", STATE.replace("prod.json", "staging.json"), {}),
    ("s3:PutObject", f"{SCOPE.artifact_bucket_arn}/releases/{'0' * 40}/release.json", {"s3:if-match": "x"}),
    ("s3:PutObject", f"{SCOPE.artifact_bucket_arn}/releases/{'0' * 40}/release.json", {}),
    ("s3:PutObject", f"{SCOPE.artifact_bucket_arn}/environments/staging/version.json", NEW),
    ("s3:DeleteObject", f"{SCOPE.artifact_bucket_arn}/releases/{'0' * 40}/release.json", {}),
    ("s3:DeleteBucket", "arn:aws:s3:::claudefs-prod-eu-state", {}),
    ("s3:DeleteObject", STATE, {}),
    ("s3:DeleteObjectVersion", STATE, {}),
    (
        "s3:DeleteObject",
        f"{SCOPE.state_bucket_arn}/.pulumi/history/claudefs-infra/prod/prod-1.checkpoint.json",
        {},
    ),
    ("s3:PutObject", f"{SCOPE.state_bucket_arn}/.pulumi/stacks/claudefs-infra/prod.pulumi-tags", {}),
    ("s3:PutObject", f"{SCOPE.state_bucket_arn}/.pulumi/meta.yaml", {}),
    ("kms:Encrypt", SCOPE.key_arn, {}),
    ("ssm:SendCommand", f"arn:aws:ssm:{REGION}::document/AWS-RunShellScript", {}),
    ("ssm:SendCommand", f"{EC2}:instance/i-1", {**NODE, "ssm:resourceTag/Environment": "staging"}),
    ("iam:PutRolePolicy", f"{IAM}:role/claudefs-prod-orchestrator", {}),
    ("iam:PutRolePolicy", f"{IAM}:role/claudefs-prod-deploy", BOUNDARY),
    ("iam:CreateRole", f"{IAM}:role/claudefs-prod-node", {}),
    ("iam:DeleteRolePermissionsBoundary", f"{IAM}:role/claudefs-prod-node", BOUNDARY),
    ("iam:CreateRole", f"{IAM}:role/claudefs-prod-node", GUARD_BOUNDARY),
    ("iam:CreateRole", f"{IAM}:role/claudefs-prod-guard", BOUNDARY),
    ("iam:CreatePolicyVersion", f"{IAM}:policy/claudefs-prod-boundary", {}),
    ("iam:CreatePolicyVersion", f"{IAM}:policy/claudefs-prod-guard-boundary", {}),
    ("iam:CreatePolicyVersion", f"{IAM}:policy/claudefs-prod-jobs-compute", {}),
    (
        "iam:AttachRolePolicy",
        f"{IAM}:role/claudefs-prod-node",
        {**BOUNDARY, "iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"},
    ),
    ("iam:UpdateAssumeRolePolicy", f"{IAM}:role/claudefs-prod-node", {}),
    ("iam:PassRole", f"{IAM}:role/claudefs-prod-deploy", TO_EC2),
    ("iam:PassRole", f"{IAM}:role/claudefs-prod-node", {"iam:PassedToService": "lambda.amazonaws.com"}),
    ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:cfs/github-token", {}),
    ("kms:CreateKey", "*", HERE),
    ("kms:CreateGrant", SCOPE.key_arn, {}),
]


def test_a_deployment_may_do_nothing_to_others_and_not_widen_its_rights() -> None:
    assert [call for call in FOREIGN_TO_DEPLOYMENTS if allows("deploy", *call)] == []


def test_a_preview_only_reads() -> None:
    reading = ("Describe", "Filter", "Get", "List", "View", "Decrypt")
    actions = {
        action
        for policy in JOB_POLICIES["preview"]
        for right in job_policy_rights(policy, SCOPE)
        for action in right.actions
    }

    assert [action for action in actions if not action.partition(":")[2].startswith(reading)] == []
    assert allows("preview", "s3:GetObject", STATE)
    assert not allows("preview", "s3:GetObject", STATE.replace("prod.json", "staging.json"))
    assert not allows("preview", "s3:GetObject", f"{SCOPE.artifact_bucket_arn}/releases/x")


@pytest.mark.parametrize("job", ["ci-read", "ci-write"])
def test_a_build_reaches_its_cache_and_metrics_alone_and_only_the_default_branchs_fills_it(job: JobKind) -> None:
    fills = job == "ci-write"

    assert allows(job, "s3:GetObject", f"{SCOPE.cache_bucket_arn}/x")
    assert allows(job, "s3:PutObject", f"{SCOPE.cache_bucket_arn}/x") is fills
    assert allows(job, "cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "CFS/CI"}) is fills
    assert not allows(job, "cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "CFS/Cluster"})
    assert not allows(job, "s3:PutObject", f"{SCOPE.artifact_bucket_arn}/releases/x")
    assert not allows(job, "ec2:DescribeInstances", "*", HERE)


def test_rights_to_create_become_one_statement_only_where_that_opens_nothing() -> None:
    def creates(action: str, new: str, *uses: str) -> Right:
        return Right(
            access="write",
            actions=(action,),
            resources=SCOPE.ec2_arn_patterns(new),
            conditions=requested_tag_conditions(SCOPE),
            creates=frozenset({new}),
            uses=frozenset(uses),
        )

    vpc, subnet = creates("ec2:CreateVpc", "vpc"), creates("ec2:CreateSubnet", "subnet", "vpc")
    table = creates("ec2:CreateRouteTable", "route-table", "vpc")

    assert [said.actions for said in policy_statements("Of", [vpc, subnet, table])] == [
        ("ec2:CreateVpc",),
        ("ec2:CreateRouteTable", "ec2:CreateSubnet"),
    ]


def test_rights_on_different_resources_stay_apart_unless_tags_limit_them() -> None:
    tags = existing_tag_conditions(SCOPE)
    one = Right(access="write", actions=("s3:PutObject",), resources=("arn:aws:s3:::a/*",))
    other = Right(access="write", actions=("s3:DeleteObject",), resources=("arn:aws:s3:::b/*",))
    tagged = replace(
        one, actions=("ec2:DeleteVpc",), resources=SCOPE.ec2_arn_patterns("vpc"), conditions=tags, tagged=True
    )

    assert len(policy_statements("Of", [one, other])) == 2
    also = replace(tagged, actions=("ec2:DeleteSubnet",), resources=SCOPE.ec2_arn_patterns("subnet"))
    assert len(policy_statements("Of", [tagged, also])) == 1
    assert len(policy_statements("Of", [tagged, replace(also, conditions=())])) == 2


def test_a_reason_for_an_action_that_a_right_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="s3:GetObject"):
        Right(access="read", actions=("s3:PutObject",), resources=("arn:aws:s3:::a/*",), uncalled={"s3:GetObject": "…"})


def test_each_role_that_changes_anything_trusts_one_subject_and_none_is_that_of_pull_requests() -> None:
    prefix = "repo:me@1/claudefs@2"
    given = token_subjects(prefix=prefix, environment="production", builds=True)

    assert given["preview"] == (f"{prefix}:environment:production-preview",)
    assert given["deploy"] == (f"{prefix}:environment:production",)
    assert given["ci-write"] == (f"{prefix}:ref:refs/heads/main",)
    assert given["ci-read"] == (f"{prefix}:pull_request", f"{prefix}:ref:refs/heads/*")


def test_jobs_of_another_repository_may_preview_and_nothing_else() -> None:
    alone = token_subjects(prefix="repo:me/claudefs", environment="prod", builds=True)
    given = token_subjects(prefix="repo:me/claudefs", environment="prod", builds=True, previewer="repo:me/infra")
    subjects = ("repo:me/claudefs:environment:prod-preview", "repo:me/infra:environment:prod-preview")
    assert given == {**alone, "preview": subjects}


def test_only_the_stack_that_manages_the_repository_has_roles_of_builds() -> None:
    assert token_subjects(prefix="repo:me/claudefs", environment="staging", builds=False).keys() == {
        "preview",
        "deploy",
    }


def test_a_role_trusts_its_subjects_and_one_audience_word_for_word() -> None:
    key = "token.actions.githubusercontent.com"
    provider = f"{IAM}:oidc-provider/{key}"
    [trusted] = trust_jobs(provider, ["repo:me/claudefs:environment:staging"])

    said = trusted.to_json()
    assert said["Principal"] == {"Federated": provider}
    assert said["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert said["Condition"] == {
        "StringEquals": {f"{key}:aud": "sts.amazonaws.com", f"{key}:sub": "repo:me/claudefs:environment:staging"}
    }


def test_patterns_of_subjects_are_trusted_by_a_statement_of_their_own() -> None:
    key = "token.actions.githubusercontent.com"
    exact, like = trust_jobs(f"{IAM}:oidc-provider/{key}", ["a", "b*"])

    assert [condition.operator for condition in exact.conditions] == ["StringEquals", "StringEquals"]
    assert [(condition.operator, condition.values) for condition in like.conditions] == [
        ("StringEquals", ("sts.amazonaws.com",)),
        ("StringLike", ("b*",)),
    ]
