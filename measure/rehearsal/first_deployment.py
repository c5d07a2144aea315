"""The administrator's part of a rehearsal: an environment's first deployment, and setup for GitHub's jobs."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from local.account import LOCAL_REGION
from measure.rehearsal.rehearsed_account import ENVIRONMENT, PERSON_TOKEN, REPOSITORY

if TYPE_CHECKING:
    from measure.rehearsal.rehearsed_account import RehearsedAccount

GITHUB_ENVIRONMENT = "production"


def deploy_first(rehearsed: RehearsedAccount) -> None:
    """Deploy the stack to an empty account, with the state in the bucket that the stack manages."""
    account_id = rehearsed.connect_client("sts").get_caller_identity()["Account"]
    bucket = f"claudefs-{ENVIRONMENT}-state-{account_id}-{LOCAL_REGION}"
    # Instead of `pulumi login`, which is not limited to this shell.
    rehearsed.exported["PULUMI_BACKEND_URL"] = f"s3://{bucket}?region={LOCAL_REGION}&awssdk=v2"
    rehearsed.run_as_administrator("cfs", "bootstrap", "--environment", ENVIRONMENT)
    set_setting(rehearsed, "claudefs-infra:previewEnvironments[0]", GITHUB_ENVIRONMENT)
    _make_way(rehearsed)
    rehearsed.run_as_administrator("pulumi", "up", "--yes", "--skip-preview", "--stack", ENVIRONMENT)


def _make_way(rehearsed: RehearsedAccount) -> None:
    """Create something that the stack declares in the repository, and run the repairs that the doctor reports."""
    environment = f"/repos/{REPOSITORY}/environments/{GITHUB_ENVIRONMENT}"
    custom = {"protected_branches": False, "custom_branch_policies": True}
    rehearsed.call_github("PUT", environment, {"deployment_branch_policy": custom})
    rehearsed.call_github("POST", f"{environment}/deployment-branch-policies", {"name": "main"})
    for place in (f"/repos/{REPOSITORY}/actions", environment):
        rehearsed.call_github("POST", f"{place}/variables", {"name": "AWS_REGION", "value": "eu-west-1"})
    doctor = f"cfs doctor github --environment {ENVIRONMENT}"
    # Status 1: something is wrong, as arranged above.
    found = rehearsed.run_as_administrator("sh", "-c", f"{doctor} --json 2>/dev/null; test $? -eq 1")
    for finding in json.loads(found)["findings"]:
        if finding["verdict"] == "wrong":
            rehearsed.run_as_administrator(*shlex.split(finding["repair"]))
    rehearsed.run_as_administrator(*shlex.split(doctor))


def set_setting(rehearsed: RehearsedAccount, key: str, value: str) -> None:
    """Set one setting in the administrator's checkout."""
    rehearsed.run_as_administrator("pulumi", "config", "set", "--path", key, value, "--stack", ENVIRONMENT)


def prepare_repository(rehearsed: RehearsedAccount) -> str:
    """Set the secrets and variables for GitHub's jobs, and return ClaudeFS's commit with the delivered files."""
    for environment in (GITHUB_ENVIRONMENT, f"{GITHUB_ENVIRONMENT}-preview"):
        secret = ("PULUMI_GITHUB_TOKEN", "--repo", REPOSITORY, "--env", environment)
        rehearsed.run_as_administrator("gh", "secret", "set", *secret, typed=PERSON_TOKEN)
    rehearsed.pin_project()
    return rehearsed.repository.deliver_files(rehearsed.account.github_url, REPOSITORY, token=PERSON_TOKEN)


def start_nodes(rehearsed: RehearsedAccount) -> None:
    """Start the test cluster as an operator does."""
    rehearsed.run_as_administrator("cfs", "cluster", "up", "--for", "2h", "--environment", ENVIRONMENT, "--force")
