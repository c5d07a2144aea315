"""The boundary: around every role but those of jobs, wide enough for what is granted, and closed to what is not."""

from __future__ import annotations

import json
from typing import get_args

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam.aws_managed_policies import aws_managed_policies_data

from infra.access.boundary import SESSION_MANAGER_ACTIONS, boundary_statements
from infra.access.statements import render_policy
from infra.github.jobs_access import MANAGED_POLICY_SIZE_LIMIT, JobKind
from infra.role_grants import stack_grants
from infra.scope import Scope
from tests.unit.infra.test_components import stack

SCOPE = Scope(account_id=DEFAULT_ACCOUNT_ID, region="us-west-2", environment="a" * 20)


def test_every_role_that_machines_run_under_has_the_boundary_and_no_jobs_role_has() -> None:
    roles = {role.name: role.inputs.get("permissionsBoundary") for role in stack().of("Role")}

    jobs = {f"jobs-{job}" for job in get_args(JobKind)}
    assert jobs <= roles.keys()
    assert {name for name, bound in roles.items() if not bound} == jobs


def test_the_boundary_allows_every_action_that_is_granted() -> None:
    allowed = {action for statement in boundary_statements(stack_grants(SCOPE)) for action in statement.actions}

    assert {action for statement in stack_grants(SCOPE) for action in statement.actions} <= allowed
    assert len(render_policy(*boundary_statements(stack_grants(SCOPE)))) <= MANAGED_POLICY_SIZE_LIMIT


def test_rights_on_iam_keep_their_resources_and_conditions() -> None:
    on_iam = [
        said
        for said in boundary_statements(stack_grants(SCOPE))
        if any(action.startswith("iam:") for action in said.actions)
    ]

    assert on_iam
    for said in on_iam:
        assert "*" not in said.resources
        assert said.conditions


def test_session_manager_needs_what_awss_own_policy_allows() -> None:
    managed = json.loads(aws_managed_policies_data)["AmazonSSMManagedInstanceCore"]["Document"]
    assert set(SESSION_MANAGER_ACTIONS) == {action for said in managed["Statement"] for action in said["Action"]}
