"""What environment variables decide of a stack, with plain `pulumi` too."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from moto.core.models import DEFAULT_ACCOUNT_ID

from infra.project import PROJECT_FOLDER
from tests.e2e.stacks import ON_GITHUB

if TYPE_CHECKING:
    from tests.e2e.stacks import Stack

REDIRECTED = (ON_GITHUB, "**aws:s3/**")
"""Matches the URNs of what the variables would move."""


def plain_pulumi(stack: Stack, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `pulumi` as a user does in a shell for the local account, in which more is set."""
    return subprocess.run(
        ["pulumi", *arguments, "--stack", "local", "--config-file", str(stack.settings), "--non-interactive"],
        cwd=PROJECT_FOLDER,
        env=stack.engine.process_environment() | variables,
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )


def test_what_would_lead_one_service_elsewhere_is_refused_before_anything_is_declared(deployed: Stack) -> None:
    preview = plain_pulumi(deployed, "preview", AWS_ENDPOINT_URL_S3="http://127.0.0.1:9000")

    assert preview.returncode != 0
    assert "AWS_ENDPOINT_URL_S3: the AWS provider would follow the environment" in preview.stdout
    assert "repair: unset AWS_ENDPOINT_URL_S3" in preview.stdout


def test_credentials_of_another_account_than_the_stacks_are_refused(stack: Stack) -> None:
    pin = 'aws:allowedAccountIds: ["111122223333"]'
    stack.settings.write_text(stack.settings.read_text().replace('aws:skipRequestingAccountId: "true"', pin))

    preview = plain_pulumi(stack, "preview")

    assert preview.returncode != 0
    assert f"AWS account ID not allowed: {DEFAULT_ACCOUNT_ID}" in preview.stdout


def test_variables_move_a_stack_to_no_other_owner_and_no_other_s3(stack: Stack) -> None:
    pin = f"config:\n  aws:endpoints:\n    - s3: {stack.engine.account.aws_url}"
    stack.settings.write_text(stack.settings.read_text().replace("config:", pin, 1))
    stack.limited_to(*REDIRECTED).up()
    before = {resource["urn"] for resource in stack.resources()}
    targets = [f"--target={target}" for target in REDIRECTED]
    owner = {"GITHUB_ORGANIZATION": "acme", "GITHUB_OWNER": "acme"}

    # It runs no program, which would refuse the address.
    refresh = plain_pulumi(
        stack, "refresh", "--yes", "--skip-preview", *targets, **owner, AWS_ENDPOINT_URL_S3="http://127.0.0.1:9"
    )
    preview = plain_pulumi(stack, "preview", "--expect-no-changes", *targets, **owner)

    assert refresh.returncode == 0, refresh.stdout
    assert {resource["urn"] for resource in stack.resources()} == before
    assert preview.returncode == 0, preview.stdout
