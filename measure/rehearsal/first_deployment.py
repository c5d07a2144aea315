"""The administrator's part of a rehearsal: an environment's first deployment, and what GitHub's jobs need after it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from local.account import LOCAL_REGION
from measure.rehearsal.rehearsed_account import ENVIRONMENT, PERSON_TOKEN, REPOSITORY

if TYPE_CHECKING:
    from measure.rehearsal.rehearsed_account import RehearsedAccount

GITHUB_ENVIRONMENT = "production"
_SECRETS_PROVIDER = f"awskms://alias/claudefs-{ENVIRONMENT}?region={LOCAL_REGION}"


def deploy_first(rehearsed: RehearsedAccount) -> None:
    """Deploy the stack from an empty account and move its state into the bucket that it made."""
    first = rehearsed.project.parent / "first"
    first.mkdir()
    rehearsed.exported["PULUMI_BACKEND_URL"] = f"{first.as_uri()}?metadata=skip"
    rehearsed.exported["PULUMI_CONFIG_PASSPHRASE"] = "first"  # noqa: S105 — for minutes, in a folder of its own
    run = rehearsed.run_as_administrator
    run("pulumi", "stack", "init", ENVIRONMENT)
    account_id = rehearsed.connect_client("sts").get_caller_identity()["Account"]
    set_setting(rehearsed, "aws:allowedAccountIds", f'["{account_id}"]')
    set_setting(rehearsed, "claudefs-infra:previewEnvironments[0]", GITHUB_ENVIRONMENT)
    run("pulumi", "up", "--yes", "--skip-preview", "--stack", ENVIRONMENT)
    run("pulumi", "stack", "change-secrets-provider", _SECRETS_PROVIDER, "--stack", ENVIRONMENT)
    bucket = json.loads(run("pulumi", "stack", "output", "--json", "--stack", ENVIRONMENT))["stateBucket"]
    state = str(first / "state.json")
    run("pulumi", "stack", "export", "--stack", ENVIRONMENT, "--file", state)
    settings = rehearsed.project / f"Pulumi.{ENVIRONMENT}.yaml"
    moved = settings.read_text()
    del rehearsed.exported["PULUMI_CONFIG_PASSPHRASE"]
    rehearsed.exported["PULUMI_BACKEND_URL"] = f"s3://{bucket}?region={LOCAL_REGION}&awssdk=v2"
    run("pulumi", "stack", "init", ENVIRONMENT, "--secrets-provider", _SECRETS_PROVIDER)
    settings.write_text(moved)
    run("pulumi", "stack", "import", "--stack", ENVIRONMENT, "--file", state)


def set_setting(rehearsed: RehearsedAccount, key: str, value: str) -> None:
    """Set one setting in the administrator's checkout."""
    rehearsed.run_as_administrator("pulumi", "config", "set", "--path", key, value, "--stack", ENVIRONMENT)


def prepare_repository(rehearsed: RehearsedAccount) -> str:
    """Give GitHub's jobs what they deploy with, and return the commit of ClaudeFS that has the delivered files."""
    for environment in (GITHUB_ENVIRONMENT, f"{GITHUB_ENVIRONMENT}-preview"):
        rehearsed.set_secret("PULUMI_GITHUB_TOKEN", PERSON_TOKEN, environment=environment)
    rehearsed.pin_project()
    return rehearsed.repository.deliver_files(rehearsed.account.github_url, REPOSITORY, token=PERSON_TOKEN)


def start_nodes(rehearsed: RehearsedAccount) -> None:
    """Start the test cluster as an operator does."""
    rehearsed.run_as_administrator("cfs", "cluster", "up", "--for", "2h", "--environment", ENVIRONMENT, "--force")
