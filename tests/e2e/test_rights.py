"""The rights of GitHub's jobs against what deployments of the stack really call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.access.rights.operator_actions import OPERATOR_ACTIONS
from infra.github.jobs_access import JOB_POLICIES, JobKind, job_policy_rights
from tests.unit.infra.conftest import job_scope

if TYPE_CHECKING:
    from infra.access.rights.model import Right
    from tests.e2e.conftest import Changed, Deployed, Destroyed

SCOPE = job_scope("local")


def rights(job: JobKind) -> list[Right]:
    return [right for policy in JOB_POLICIES[job] for right in job_policy_rights(policy, SCOPE)]


def allowed(job: JobKind) -> set[str]:
    """Return the actions that a job's role allows."""
    return {action for right in rights(job) for action in right.actions}


def explained(job: JobKind) -> set[str]:
    """Return those of them that no run is expected to call."""
    return {action for right in rights(job) for action in right.uncalled}


def test_the_roles_of_jobs_allow_what_runs_call_and_nothing_else_without_a_reason(
    deployed_account: Deployed, changed: Changed, destroyed: Destroyed
) -> None:
    preview = changed.previewing
    deployment = deployed_account.actions | changed.deploying | preview | destroyed.actions

    assert preview - allowed("preview") == set(), "rows are missing in infra/access/rights"
    assert deployment - allowed("deploy") - OPERATOR_ACTIONS.keys() == set(), "rows are missing in infra/access/rights"

    assert allowed("preview") - preview - explained("preview") == set(), "nothing calls these, and no reason is given"
    assert allowed("deploy") - deployment - explained("deploy") == set(), "nothing calls these, and no reason is given"
    assert OPERATOR_ACTIONS.keys() & allowed("deploy") == set()
