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


def find_faults(tmp_path: Path, texts: Mapping[str, str]) -> dict[str, str]:
    """Return the findings of each checker that has any; `texts` are the files' texts by their places."""
    files = {place: tmp_path / str(number) / place.rpartition("/")[2] for number, place in enumerate(texts)}
    for place, file in files.items():
        file.parent.mkdir()
        file.write_text(texts[place])
    return {verdict.name: verdict.findings for verdict in check_workflows(files) if verdict.findings}


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
    assert find_faults(tmp_path, {".github/workflows/file.yml": SOUND}) == {}


FAULTS = {
    "permissions: {}": "permissions: write-all",
    "timeout-minutes: 5": "timeout: 5",
    "ubuntu-24.04": "ubuntu-1.0",
    '"$WHAT"': '"${{ github.event.head_commit.message }}"; echo $WHAT',
    "on: push\n": "on: push\nenv: {A: '${{ vars.X || }}'}\n",
}
"""Texts of the sound file, and what makes each of them wrong."""

REFUSED_ACTION = "name: A\ndescription: B\nruns:\n  using: composite\n  steps:\n    - run: echo\n"
"""An action without the shell of its step."""


def test_each_checker_finds_its_faults(tmp_path: Path) -> None:
    """All wrong files are checked at once, because starting the checkers takes most of the time."""
    faulty = SOUND
    for sound, fault in FAULTS.items():
        assert sound in faulty
        faulty = faulty.replace(sound, fault)
    calls_action, own_action = ".github/workflows/ci-build.yml", ".github/actions/setup/action.yml"
    misspelt = delivered_files()[calls_action].read_text().replace("components: clippy", "component: clippy")
    found = find_faults(
        tmp_path,
        {
            ".github/workflows/file.yml": faulty,
            calls_action: misspelt,
            own_action: delivered_files()[own_action].read_text(),
            ".github/actions/a/action.yml": REFUSED_ACTION,
        },
    )

    for checker, finding in (
        ("zizmor", "template-injection"),
        ("zizmor", "excessive-permissions"),
        ("workflow schema", "timeout"),
        ("actionlint", "runner-label"),
        ("actionlint", "SC2086"),
        ("actionlint", "unexpected"),
        ("actionlint", 'input "component" is not defined in action'),
        ("action schema", "actions/a/action.yml"),
    ):
        assert finding in found[checker], finding
