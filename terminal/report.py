"""Results in two forms: a table for people, or figures for programs."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Column, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a measurement found.

    Attributes:
        title: What was measured.
        columns: Heads of the table's columns.
        rows: Its cells.
        notes: Lines below the table.
        figures: The same for programs: names, counts, seconds, ratios; JSON's own types only.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)


def print_report(report: Report, *, as_json: bool) -> None:
    """Write a report to stdout, as a table or as JSON and nothing else."""
    if as_json:
        sys.stdout.write(json.dumps(report.figures, indent=2) + "\n")
        return
    console = Console(highlight=False)
    # What names a row is kept whole, and nothing is cut off: on a narrow screen cells have more lines.
    columns = [Column(head, no_wrap=not place, overflow="fold") for place, head in enumerate(report.columns)]
    table = Table(*columns, title=report.title, title_justify="left")
    for row in report.rows:
        table.add_row(*row)
    console.print(table)
    for note in report.notes:
        console.print(note, markup=False, soft_wrap=True)
