"""Workflow files are checked, and each checker finds what it is there for. `make lint` checks the real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from cfs.ci.app import app
from cfs.ci.workflow_lint import CheckerVerdict, check_workflows, own_workflow_files
from infra.github.delivery import delivered_files

if TYPE_CHECKING:
    from collections.abc import Mapping
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


@pytest.mark.parametrize("findings, status", [("", 0), ("something is wrong", 1)])
def test_the_command_checks_both_repositories(monkeypatch: pytest.MonkeyPatch, findings: str, status: int) -> None:
    checked: list[Mapping[str, Path]] = []

    def check(files: Mapping[str, Path]) -> list[CheckerVerdict]:
        checked.append(files)
        return [CheckerVerdict(name="checker", findings=findings if files == own_workflow_files() else "")]

    monkeypatch.setattr("cfs.ci.app.check_workflows", check)

    assert CliRunner().invoke(app, ["lint"]).exit_code == status
    assert checked == [delivered_files(), own_workflow_files()]


def test_a_sound_file_has_no_findings(tmp_path: Path) -> None:
    assert wrong(tmp_path, SOUND) == {}


FAULTS = {
    "permissions: {}": "permissions: write-all",
    "timeout-minutes: 5": "timeout: 5",
    "ubuntu-24.04": "ubuntu-1.0",
    '"$WHAT"': '"${{ github.event.head_commit.message }}"; echo $WHAT',
    "on: push\n": "on: push\nenv: {A: '${{ vars.X || }}'}\n",
}
"""Texts of the sound file, and what makes each of them wrong."""


def test_each_checker_finds_its_faults(tmp_path: Path) -> None:
    faulty = SOUND
    for sound, fault in FAULTS.items():
        assert sound in faulty
        faulty = faulty.replace(sound, fault)
    found = wrong(tmp_path, faulty)

    for checker, finding in (
        ("zizmor", "template-injection"),
        ("zizmor", "excessive-permissions"),
        ("workflow schema", "timeout"),
        ("actionlint", "runner-label"),
        ("actionlint", "SC2086"),
        ("actionlint", "unexpected"),
    ):
        assert finding in found[checker], finding


def test_inputs_of_the_repositorys_own_actions_are_checked(tmp_path: Path) -> None:
    place, action = ".github/workflows/ci-build.yml", ".github/actions/setup/action.yml"
    misspelt = tmp_path / "ci-build.yml"
    misspelt.write_text(delivered_files()[place].read_text().replace("components: clippy", "component: clippy"))
    verdicts = check_workflows({action: delivered_files()[action], place: misspelt})

    findings = {verdict.name: verdict.findings for verdict in verdicts}
    assert 'input "component" is not defined in action' in findings["actionlint"]


def test_an_action_that_github_would_refuse_is_found(tmp_path: Path) -> None:
    action = "name: A\ndescription: B\nruns:\n  using: composite\n  steps:\n    - run: echo\n"
    assert "action schema" in wrong(tmp_path, action, place=".github/actions/a/action.yml")
