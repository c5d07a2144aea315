"""Markdown for GitHub: tables whose cells hold any text, and texts that are cut where they are too long."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

COMMENT_LIMIT = 64_000
"""Characters of a comment; GitHub refuses more than 65,536: https://github.com/orgs/community/discussions/27190"""

SUMMARY_LIMIT = 250_000
"""Characters of a job's summary, of up to 4 bytes each: GitHub refuses more than 1 MiB of a step.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#step-isolation-and-limits
"""

_CUT_NOTE = "\n… the rest is in the run's log.\n"


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, one line per row; its cells may hold `|` and line breaks."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(map(_escape_cell, cells))} |\n" for cells in lines)


def code_span(text: str) -> str:
    """Return text that is shown as it is, backticks included; "" for none."""
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    padding = " " if "`" in text else ""
    return f"{fence}{padding}{text}{padding}{fence}" if text else ""


def cut_markdown(text: str, *, limit: int) -> str:
    """Return at most `limit` characters of a text, in whole lines, with a note where it is cut."""
    if len(text) <= limit:
        return text
    kept = text[: max(0, limit - len(_CUT_NOTE))]
    return kept[: kept.rfind("\n") + 1] + _CUT_NOTE


def _escape_cell(text: str) -> str:
    # GitHub takes the backslash away before it reads the cell, in code spans too.
    return " ".join(text.split()).replace("|", "\\|")
