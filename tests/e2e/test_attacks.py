"""Two environments of one account: what the roles of one may do to the other, tried with the roles' credentials."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from moto.core.models import DEFAULT_ACCOUNT_ID

from local.project_clone import clone_project
from measure.rehearsal.attack_trials import Attackers
from measure.rehearsal.environment_targets import prepare_target
from measure.rehearsal.rehearsed_account import enforce_iam
from measure.rehearsal.runner_host import emulated_account_variables

if TYPE_CHECKING:
    from tests.e2e.stacks import Stack

OTHER = "staging"


def deploy_other(stack: Stack) -> None:
    """Deploy a second environment into the account of the first."""
    account, project = stack.engine.account, stack.folder / "claudefs-infra"
    clone_project(project, account=account, stack=OTHER)
    for command in (
        ("stack", "init"),
        ("config", "set", "aws:allowedAccountIds", json.dumps([DEFAULT_ACCOUNT_ID])),
        ("up", "--yes", "--skip-preview"),
    ):
        done = subprocess.run(
            ["pulumi", *command, "--stack", OTHER, "--non-interactive"],
            cwd=project,
            env=stack.engine.process_environment() | emulated_account_variables(account),
            capture_output=True,
            check=False,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_no_role_reaches_another_environment_or_widens_its_rights_and_all_reach_their_own(stack: Stack) -> None:
    deploy_other(stack)
    own, other = (prepare_target(stack.client, name, github_environment=name) for name in ("local", OTHER))
    enforce_iam(stack.engine.account)

    trials = list(Attackers(account=stack.engine.account, own=own).try_attacks(other))

    assert [trial for trial in trials if trial.ended != trial.wanted] == []
    assert len(trials) > 100
