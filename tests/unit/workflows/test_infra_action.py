"""What jobs check out of this project: a repository and one commit of it, or nothing."""

from __future__ import annotations

import os
import subprocess

import pytest
import yaml

from infra.github.delivery import WORKFLOW_SOURCES

REPOSITORY, COMMIT = "example/claudefs-infra", "0123456789abcdef" * 2 + "01234567"


def check(repository: str, ref: str) -> subprocess.CompletedProcess[str]:
    """Run the action's check of its inputs."""
    action = yaml.safe_load((WORKFLOW_SOURCES / "actions" / "infra" / "action.yml").read_text())
    [step] = [step for step in action["runs"]["steps"] if "run" in step and "REF" in step.get("env", {})]
    variables = {"PATH": os.environ["PATH"], "REPOSITORY": repository, "REF": ref}
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", step["run"]],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )


def test_a_repository_and_its_commit_are_checked_out() -> None:
    assert check(REPOSITORY, COMMIT).returncode == 0


@pytest.mark.parametrize(
    "repository, ref",
    [
        ("", ""),
        ("", COMMIT),
        (REPOSITORY, ""),
        (REPOSITORY, "main"),
        (REPOSITORY, COMMIT[:7]),
        ("claudefs-infra", COMMIT),
    ],
)
def test_anything_else_is_refused_with_the_commands_that_set_both(repository: str, ref: str) -> None:
    refused = check(repository, ref)

    assert refused.returncode == 1
    assert refused.stdout.startswith("::error::")
    assert "gh variable set INFRA_REPOSITORY --body OWNER/NAME" in refused.stdout
    assert "gh variable set INFRA_REF --body COMMIT" in refused.stdout
