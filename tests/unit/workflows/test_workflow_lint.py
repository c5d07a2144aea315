"""Workflow files are checked, and each checker finds what it is there for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cfs.ci.workflow_lint import check_workflows, own_workflow_files
from infra.github.delivery import delivered_files

if TYPE_CHECKING:
    from pathlib import Path

SOUND = """\
name: Sound
on: push
permissions: {}
concurrency:
  group: sound
  cancel-in-progress: true
jobs:
  job:
    name: Job
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions:
      contents: read # reason
    steps:
      - name: Say it
        run: echo "$WHAT"
        env:
          WHAT: ${{ github.event.head_commit.message }}
"""


def wrong(tmp_path: Path, text: str, *, place: str = ".github/workflows/file.yml") -> dict[str, str]:
    source = tmp_path / "file.yml"
    source.write_text(text)
    return {verdict.name: verdict.findings for verdict in check_workflows({place: source}) if verdict.findings}


def test_delivered_files_are_sound() -> None:
    assert [verdict for verdict in check_workflows(delivered_files()) if verdict.findings] == []


def test_own_files_are_sound() -> None:
    assert [verdict for verdict in check_workflows(own_workflow_files()) if verdict.findings] == []


def test_a_sound_file_has_no_findings(tmp_path: Path) -> None:
    assert wrong(tmp_path, SOUND) == {}


@pytest.mark.parametrize(
    "checker, old, new, finding",
    [
        ("zizmor", '"$WHAT"', '"${{ github.event.head_commit.message }}"', "template-injection"),
        ("zizmor", "permissions: {}", "permissions: write-all", "excessive-permissions"),
        ("workflow schema", "timeout-minutes: 5", "timeout: 5", "timeout"),
        ("actionlint", "ubuntu-24.04", "ubuntu-1.0", "runner-label"),
        ("actionlint", '"$WHAT"', "$WHAT", "SC2086"),
        ("actionlint", "on: push\n", "on: push\nenv: {A: '${{ vars.X || }}'}\n", "unexpected"),
    ],
)
def test_a_checker_finds(tmp_path: Path, checker: str, old: str, new: str, finding: str) -> None:
    assert old in SOUND
    assert finding in wrong(tmp_path, SOUND.replace(old, new))[checker]


def test_inputs_of_the_repositorys_own_actions_are_checked(tmp_path: Path) -> None:
    place = ".github/workflows/ci-build.yml"
    misspelt = tmp_path / "ci-build.yml"
    misspelt.write_text(delivered_files()[place].read_text().replace("components: clippy", "component: clippy"))
    findings = {verdict.name: verdict.findings for verdict in check_workflows({**delivered_files(), place: misspelt})}
    assert 'input "component" is not defined in action' in findings["actionlint"]


def test_an_action_that_github_would_refuse_is_found(tmp_path: Path) -> None:
    action = "name: A\ndescription: B\nruns:\n  using: composite\n  steps:\n    - run: echo\n"
    assert "action schema" in wrong(tmp_path, action, place=".github/actions/a/action.yml")
