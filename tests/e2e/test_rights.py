"""The rights of GitHub's jobs against what deployments of the stack really call."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

from infra.access.rights.iam import OPERATOR_ACTIONS
from infra.github.jobs_access import JOB_POLICIES, JobKind, job_policy_rights, make_job_scope
from infra.scope import Scope

if TYPE_CHECKING:
    from infra.access.rights.model import Right
    from tests.e2e.conftest import Stack

GROUND = make_job_scope(
    Scope(account_id="account", region="us-west-2", environment="local"),
    {
        "vpc_id": "vpc",
        "key": "arn:aws:kms:::key/key",
        "state": "arn:aws:s3:::state",
        "artifacts": "arn:aws:s3:::artifacts",
        "cache": "arn:aws:s3:::cache",
    },
)


def rights(job: JobKind) -> list[Right]:
    return [right for policy in JOB_POLICIES[job] for right in job_policy_rights(policy, GROUND)]


def allowed(job: JobKind) -> set[str]:
    """Return the actions that a job's role allows."""
    return {action for right in rights(job) for action in right.actions}


def explained(job: JobKind) -> set[str]:
    """Return those of them that no run is expected to call."""
    return {action for right in rights(job) for action in right.uncalled}


def called(stack: Stack, *operation: str) -> set[str]:
    """Run an operation and give the IAM actions that its calls need."""
    url = f"{stack.engine.account.aws_url}/_control/actions"
    urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=10).close()
    stack.engine.query_text(*operation)
    with urllib.request.urlopen(url, timeout=10) as answer:
        return set(json.load(answer))


def test_the_roles_of_jobs_allow_what_runs_call_and_nothing_else_without_a_reason(empty_stack: Stack) -> None:
    # What the other value would declare is part of this one's.
    empty_stack.set("claudefs-infra:orchestratorHours", "weekdays")
    first = called(empty_stack, "up", "--yes", "--skip-preview")
    second = called(empty_stack, "up", "--yes", "--skip-preview")
    preview = called(empty_stack, "preview", "--refresh")
    destroy = called(empty_stack, "destroy", "--yes", "--skip-preview", "--exclude-protected")
    deployment = first | second | preview | destroy

    assert preview - allowed("preview") == set(), "rows are missing in infra/rights"
    assert deployment - allowed("deploy") - OPERATOR_ACTIONS.keys() == set(), "rows are missing in infra/rights"

    assert allowed("preview") - preview - explained("preview") == set(), "nothing calls these, and no reason is given"
    assert allowed("deploy") - deployment - explained("deploy") == set(), "nothing calls these, and no reason is given"
    assert OPERATOR_ACTIONS.keys() & allowed("deploy") == set()
