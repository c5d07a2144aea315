"""Policies on the real engine: the stack violates none, and a change of the program that violates one is refused."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from local.project_clone import clone_project
from tests.e2e.console import LIMIT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Deployed
    from tests.e2e.stacks import Stack

REQUIRED = '"http_tokens": "required"'


def test_the_stack_as_shipped_violates_no_policy(deployed_account: Deployed) -> None:
    assert deployed_account.reviewed["policies"] == []


def test_a_violating_change_of_the_program_is_refused_with_the_rules_message_and_repair(
    stack: Stack, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    clone_project(clone, account=stack.engine.account, stack="prod")
    cluster = clone / "infra/cluster/cluster.py"
    assert REQUIRED in cluster.read_text()
    cluster.write_text(cluster.read_text().replace(REQUIRED, '"http_tokens": "optional"'))

    done = subprocess.run(
        [clone / ".venv/bin/cfs", "local", "up"],
        cwd=clone,
        env={**os.environ, "CFS_LOCAL_DIR": str(stack.folder)},
        capture_output=True,
        check=False,
        text=True,
        timeout=LIMIT,
    )

    assert done.returncode != 0
    assert "imdsv2: Its instance metadata service does not require session tokens (IMDSv2)." in done.stdout
    assert "Repair: metadata_options=" in done.stdout
    templates = stack.client("ec2").describe_launch_template_versions(Versions=["$Latest"])["LaunchTemplateVersions"]
    tokens = [of["LaunchTemplateData"]["MetadataOptions"]["HttpTokens"] for of in templates]
    assert tokens == ["required"] * len(tokens) != []
