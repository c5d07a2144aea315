"""Markdown for GitHub: tables, code spans, and texts cut to a length limit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

COMMENT_LIMIT = 64_000
"""Most characters in a comment; GitHub refuses more than 65,536: https://github.com/orgs/community/discussions/27190"""

SUMMARY_LIMIT = 250_000
"""Most characters in a job summary, of up to 4 bytes each; GitHub refuses more than 1 MiB per step.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#step-isolation-and-limits
"""

_CUT_NOTE = "\n… the rest is in the run's log.\n"


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with one line per row; cells may contain `|` and line breaks."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(map(_escape_cell, cells))} |\n" for cells in lines)


def code_span(text: str) -> str:
    """Return a code span that shows the text unchanged, including backticks; "" for an empty text."""
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    padding = " " if "`" in text else ""
    return f"{fence}{padding}{text}{padding}{fence}" if text else ""


def cut_markdown(text: str, *, limit: int) -> str:
    """Cut a text after a whole line to at most `limit` characters, and append a note if it is cut."""
    if len(text) <= limit:
        return text
    kept = text[: max(0, limit - len(_CUT_NOTE))]
    return kept[: kept.rfind("\n") + 1] + _CUT_NOTE


def _escape_cell(text: str) -> str:
    # GitHub removes the backslash before it parses the cell, even in code spans.
    return " ".join(text.split()).replace("|", "\\|")
