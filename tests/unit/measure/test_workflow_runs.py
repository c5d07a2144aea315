"""Runs of small workflows, decided as GitHub decides."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from nacl.public import PublicKey, SealedBox

from local import servers
from local.account import LocalAccount
from local.github.keys import new_key_pair
from measure.rehearsal.claudefs_repository import ClaudefsRepository
from measure.rehearsal.runner_host import RunnerHost, WorkflowTrigger
from measure.rehearsal.script_process import Outcome
from measure.rehearsal.workflow_runs import RunResult, WorkflowRunner
from terminal.errors import UserError
from toolchain.model import Toolchain

if TYPE_CHECKING:
    from pathlib import Path

ACTION = """\
name: Greet
inputs:
  whom:
    default: nobody
runs:
  using: composite
  steps:
    - shell: bash
      run: echo "greeting=hello $WHOM" >> "$GITHUB_OUTPUT"
      env:
        WHOM: ${{ inputs.whom }}
    - shell: bash
      run: echo "WHOM=$WHOM" >> "$GITHUB_ENV"
      env:
        WHOM: ${{ inputs.whom }}
"""

WORKFLOW = """\
name: Example
on:
  workflow_dispatch:
    inputs:
      size:
        default: "3"
jobs:
  first:
    runs-on: ubuntu-24.04
    environment: production
    outputs:
      size: ${{ steps.say.outputs.size }}
    steps:
      - uses: $/.github/actions/greet
        with:
          whom: ${{ vars.WHOM }}
      - id: say
        run: echo "size=$SIZE" >> "$GITHUB_OUTPUT"; echo "$WHOM $TOKEN" > said
        env:
          SIZE: ${{ inputs.size }}
          TOKEN: ${{ secrets.TOKEN }}
      - uses: actions/upload-artifact@v1
        with:
          name: said
          path: said
      - run: exit 1
        if: inputs.size == '5'
      - run: echo "failed after $OUTCOME" >> "$GITHUB_STEP_SUMMARY"
        if: ${{ always() && inputs.size == '5' }}
        env:
          OUTCOME: ${{ steps.say.outcome }}
  second:
    needs: first
    runs-on: ubuntu-24.04
    strategy:
      matrix:
        letter: ${{ fromJSON(vars.LETTERS) }}
    steps:
      - uses: actions/download-artifact@v1
        with:
          pattern: sai*
          path: got
          merge-multiple: true
      - run: test "$SIZE $(cat got/said) $LETTER" = "3 me s3cret $LETTER"; test ! -e said
        env:
          SIZE: ${{ needs.first.outputs.size }}
          LETTER: ${{ matrix.letter }}
  last:
    needs: [first, second]
    if: ${{ !cancelled() && needs.second.result != 'skipped' }}
    runs-on: ubuntu-24.04
    steps:
      - run: "true"
"""


@pytest.fixture
def repository(tmp_path: Path) -> ClaudefsRepository:
    made = ClaudefsRepository(folder=tmp_path / "claudefs", releases=tmp_path / "releases")
    for name, text in (("workflows/example.yml", WORKFLOW), ("actions/greet/action.yml", ACTION)):
        file = made.folder / ".github" / name
        file.parent.mkdir(parents=True)
        file.write_text(text)
    subprocess.run(["git", "init", "--quiet", "--initial-branch", "main", str(made.folder)], check=True)
    return made


@pytest.fixture
def runner(tmp_path: Path, repository: ClaudefsRepository) -> WorkflowRunner:
    key = new_key_pair()
    sealed = SealedBox(PublicKey(base64.b64decode(key.public))).encrypt(b"s3cret")
    state = {
        "repository": {
            "key": {"key_id": key.key_id, "public": key.public, "private": key.private},
            "variables": {"WHOM": {"value": "somebody"}, "LETTERS": {"value": '["a", "b"]'}},
            "secrets": {},
            "environments": {
                "production": {
                    "settings": {"reviewers": [{"type": "User", "id": 1}]},
                    "policies": {"1": {"name": "main"}},
                    "variables": {"WHOM": {"value": "me"}},
                    "secrets": {"TOKEN": {"encrypted_value": base64.b64encode(sealed).decode()}},
                }
            },
        }
    }
    (tmp_path / servers.GITHUB_EMULATOR.state_file).write_text(json.dumps(state))
    account = LocalAccount(
        folder=tmp_path,
        toolchain=Toolchain(origin="path", version="3", path=(), env={}),
        aws_url="http://127.0.0.1:1",
        github_url="http://127.0.0.1:2",
    )
    host = RunnerHost(
        folder=tmp_path / "host",
        account=account,
        repositories={"me/claudefs": repository.folder},
        releases=repository.releases,
    )
    return WorkflowRunner(host=host, reusable={})


def run_example(runner: WorkflowRunner, repository: ClaudefsRepository, **changes: Any) -> RunResult:
    commit = repository.commit_change("An example")
    trigger: dict[str, Any] = {
        "event_name": "workflow_dispatch",
        "ref": "refs/heads/main",
        "actor": "me",
        "run_id": 7,
    } | changes
    return runner.run_workflow("example.yml", WorkflowTrigger(sha=commit, **trigger))


def test_jobs_hand_on_outputs_and_artifacts_and_get_the_settings_of_their_environment(
    runner: WorkflowRunner, repository: ClaudefsRepository
) -> None:
    done = run_example(runner, repository)
    assert done.outcome == Outcome.SUCCESS, done.failed_step()
    assert done.jobs["first"].outputs == {"size": "3"}
    assert [report.outcome for report in done.jobs["second"].reports] == [Outcome.SUCCESS] * 4
    assert done.jobs["last"].outcome == Outcome.SUCCESS


def test_after_a_failure_only_what_always_runs_goes_on(runner: WorkflowRunner, repository: ClaudefsRepository) -> None:
    done = run_example(runner, repository, inputs={"size": "5"})
    assert {name: str(job.outcome) for name, job in done.jobs.items()} == {
        "first": "failure",
        "second": "skipped",
        "last": "skipped",
    }
    assert done.jobs["first"].summary == "failed after success\n"
    failed = done.failed_step()
    assert failed is not None
    assert (failed.job, failed.title) == ("first", "exit 1")


def test_an_environment_refuses_another_branch(runner: WorkflowRunner, repository: ClaudefsRepository) -> None:
    done = run_example(runner, repository, ref="refs/heads/other")
    assert done.jobs["first"].refusal == "other may not deploy to production, which allows main."
    assert done.outcome == Outcome.FAILURE


def test_an_action_without_stand_in_and_an_unknown_key_are_errors(
    runner: WorkflowRunner, repository: ClaudefsRepository
) -> None:
    file = repository.folder / ".github/workflows/example.yml"
    file.write_text(WORKFLOW.replace("actions/upload-artifact", "actions/unknown"))
    with pytest.raises(UserError, match="actions/unknown@v1, for which the rehearsal has no stand-in"):
        run_example(runner, repository)
    file.write_text(WORKFLOW.replace("needs: first", "needs: first\n    continue-on-error: true"))
    with pytest.raises(ValueError, match="continue-on-error"):
        run_example(runner, repository)
