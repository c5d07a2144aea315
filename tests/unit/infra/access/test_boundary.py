"""The boundary: around every role but those of jobs, wide enough for what is granted, and closed to what is not."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, get_args

from moto.iam.aws_managed_policies import aws_managed_policies_data

from infra.access.boundary import SESSION_MANAGER_ACTIONS, boundary_statements
from infra.access.statements import EVERYTHING, render_policy
from infra.github.jobs_access import MANAGED_POLICY_SIZE_LIMIT, JobKind
from infra.role_grants import stack_grants
from local.aws.iam.evaluation import policy_allows
from tests.unit.infra.conftest import job_scope
from tests.unit.infra.test_components import stack

if TYPE_CHECKING:
    from infra.access.statements import Statement

SCOPE = job_scope("a" * 20, region="ap-southeast-7")
BOUNDARY = boundary_statements(SCOPE, stack_grants(SCOPE))


def test_every_role_that_machines_run_under_has_the_boundary_and_no_jobs_role_has() -> None:
    roles = {role.name: role.inputs.get("permissionsBoundary") for role in stack().of("Role")}

    jobs = {f"jobs-{job}" for job in get_args(JobKind)}
    assert jobs <= roles.keys()
    assert {name for name, bound in roles.items() if not bound} == jobs


def test_the_boundary_fits_iams_limit_and_allows_every_action_that_is_granted() -> None:
    allowed = {action for statement in BOUNDARY for action in statement.actions}

    assert {action for statement in stack_grants(SCOPE) for action in statement.actions} <= allowed
    assert len(render_policy(*BOUNDARY)) <= MANAGED_POLICY_SIZE_LIMIT


OWN_TAGS = {"aws:ResourceTag/project": "claudefs", "aws:ResourceTag/Environment": SCOPE.environment}
ANYTHING = re.compile(r"\*|\$\{[^}]*\}")


def granted_request(statement: Statement) -> dict[str, str]:
    """Return condition keys of a request for the environment's own that a grant allows."""
    tests = [test for test in statement.conditions if "Not" not in test.operator and test.operator != "Null"]
    asked = {test.key: ANYTHING.sub("x", test.values[0]) for test in tests}
    return {"aws:RequestedRegion": SCOPE.region, "ec2:InstanceID": "x", **OWN_TAGS, **asked}


def test_the_boundary_allows_what_is_granted_where_it_is_granted() -> None:
    document, granted = render_policy(*BOUNDARY), list(stack_grants(SCOPE))
    assert len(granted) > 40
    refused = [
        (action, resource)
        for statement in granted
        for action in statement.actions
        for resource in statement.resources
        if not policy_allows(
            document,
            action,
            resource if resource == "*" else ANYTHING.sub("x", resource),
            {"secretsmanager:SecretId": resource, **granted_request(statement)},
        )
    ]

    assert refused == []


def test_only_the_cost_of_the_account_and_models_are_outside_the_environment() -> None:
    own = (SCOPE.environment, SCOPE.region, SCOPE.key_arn)
    elsewhere = {
        (statement.actions if resource == "*" else resource)
        for statement in BOUNDARY
        for resource in statement.resources
        if not any(part in resource for part in own)
        and not any(part in value for condition in statement.conditions for value in condition.values for part in own)
    }

    spot = f"arn:aws:iam::{SCOPE.account_id}:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"
    assert elsewhere == {("ce:GetCostAndUsage",), "arn:aws:bedrock:*", spot}


def test_rights_on_iam_keep_their_resources_and_conditions() -> None:
    on_iam = [said for said in BOUNDARY if any(action.startswith("iam:") for action in said.actions)]

    assert on_iam
    for said in on_iam:
        assert "*" not in said.resources
        assert said.conditions


def managed_actions(name: str) -> set[str]:
    policy = json.loads(aws_managed_policies_data)[name]["Document"]
    return {action for said in policy["Statement"] for action in said["Action"]}


def test_session_manager_works_and_no_machine_reads_parameters_of_the_account() -> None:
    allowed = {action for statement in BOUNDARY if EVERYTHING in statement.resources for action in statement.actions}

    assert managed_actions("AmazonSSMManagedEC2InstanceDefaultPolicy") == set(SESSION_MANAGER_ACTIONS)
    assert managed_actions("AmazonSSMManagedInstanceCore") - allowed == {"ssm:GetParameter", "ssm:GetParameters"}
