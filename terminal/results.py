"""Results of commands: text or a table for people, figures for programs, and a GitHub job's summary and outputs."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from terminal.job_outputs import add_job_summary, set_job_outputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from _typeshed import DataclassInstance


PIPE_COLUMNS = 160
"""Width of tables where the output is not a terminal."""


@dataclass(frozen=True, kw_only=True)
class ResultTable:
    """Table of a result.

    Attributes:
        title: Heading of the table.
        columns: Headings of the columns.
        rows: Cells of each row.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """Result of a command.

    Attributes:
        text: Text for people; "" if there is a table.
        table: Table for people; None if there is text.
        notes: Lines below the text or table.
        figures: Result for programs: names, counts, seconds, ratios; only JSON types.
        job_summary: Markdown for the job summary.
        job_outputs: Values for later steps of the job.
        exit_code: Exit code of the command.
    """

    text: str = ""
    table: ResultTable | None = None
    notes: Sequence[str] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    job_summary: str = ""
    job_outputs: Mapping[str, str] = field(default_factory=dict)
    exit_code: int = 0


def to_figures(record: DataclassInstance) -> dict[str, Any]:
    """Return a dataclass's fields as figures, with names in camel case: `one_name` becomes `oneName`."""
    return {name[0] + name.title().replace("_", "")[1:]: value for name, value in asdict(record).items()}


def finish_command(result: CommandResult, *, as_json: bool = False) -> None:
    """Print a result, write the GitHub job's summary and outputs, and exit with the result's code.

    Args:
        result: The result.
        as_json: Print only the figures, as JSON.

    Raises:
        typer.Exit: The exit code is not 0.
    """
    if as_json:
        sys.stdout.write(json.dumps(result.figures, indent=2) + "\n")
    else:
        _print_for_people(result)
    add_job_summary(result.job_summary)
    set_job_outputs(result.job_outputs)
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def _print_for_people(result: CommandResult) -> None:
    # Files and pipes have no width: rich would take 80 columns.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_COLUMNS
    console = Console(highlight=False, markup=False, width=width)
    if result.table is not None:
        # The first column names the row and does not wrap. On a narrow screen other cells wrap; nothing is cut off.
        columns = [Column(head, no_wrap=not place, overflow="fold") for place, head in enumerate(result.table.columns)]
        table = Table(*columns, title=result.table.title, title_justify="left")
        for row in result.table.rows:
            table.add_row(*row)
        console.print(table)
    for line in (*([result.text] if result.text else ()), *result.notes):
        console.print(line, soft_wrap=True)
