"""Results for people, for programs, and for GitHub's jobs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from terminal.errors import UserError
from terminal.progress import console, show_progress
from terminal.results import CommandResult, ResultTable, finish_command

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def outside_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the variables of the job that runs the tests."""
    for variable in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.delenv(variable, raising=False)


def test_a_result_is_printed_as_a_table_or_as_json_alone(capsys: pytest.CaptureFixture[str]) -> None:
    report = CommandResult(
        table=ResultTable(title="Times", columns=["what"], rows=[["preview"]]),
        notes=["note [x]"],
        figures={"seconds": 1.5},
    )
    finish_command(report, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"seconds": 1.5}
    finish_command(report)
    shown = capsys.readouterr().out
    assert "preview" in shown
    assert "note [x]" in shown


def test_brackets_in_names_paths_and_titles_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    named = "/srv/[old]/a [red]b[/]"
    with show_progress(named):
        console.print(f"removing {named}")
    shown = capsys.readouterr().err
    assert shown.count(named) == 3

    finish_command(CommandResult(table=ResultTable(title=named, columns=(named,), rows=[(named,)]), text=named))
    assert capsys.readouterr().out.count(named) == 4


def test_a_narrow_screen_cuts_nothing_off(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    row = ("storage-in-site-a", "stops on Saturday at 18:00", "http://127.0.0.1:51137")

    finish_command(CommandResult(table=ResultTable(title="", columns=("group", "next", "address"), rows=[row])))

    shown = capsys.readouterr().out
    assert "storage-in-site-a" in shown
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 40


def test_a_job_gets_a_summary_and_outputs_of_one_line_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    summary, output = tmp_path / "summary", tmp_path / "output"
    output.write_text("before=1\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    result = CommandResult(
        text="done [bold]",
        figures={"n": 1},
        job_summary="### Done",
        job_outputs={"release": "r", "reason": "a\nb=c"},
    )
    finish_command(result)
    finish_command(result, as_json=True)
    assert output.read_text() == "before=1\n" + "release=r\nreason=a b=c\n" * 2
    assert summary.read_text() == "### Done\n\n" * 2
    assert capsys.readouterr().out.startswith("done [bold]\n{")


def test_a_file_of_the_job_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "no" / "summary"))
    with pytest.raises(UserError, match="cannot be written"):
        finish_command(CommandResult(text="done", job_summary="### Done"))
