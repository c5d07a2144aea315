"""Markdown that GitHub shows as it is meant."""

from __future__ import annotations

import pytest

from terminal.markdown import code_span, cut_markdown, markdown_table


@pytest.mark.parametrize(
    "text, cell",
    [("a|b", r"a\|b"), (r"a\|b", r"a\\|b"), ("two\nlines", "two lines"), (code_span("a|b"), r"`a\|b`"), ("", "")],
)
def test_no_text_of_a_cell_ends_it(text: str, cell: str) -> None:
    assert markdown_table(("", "what"), [("1", text)]) == f"|  | what |\n| --- | --- |\n| 1 | {cell} |\n"


@pytest.mark.parametrize("text, span", [("a", "`a`"), ("a`b", "`` a`b ``"), ("``", "``` `` ```"), ("", "")])
def test_code_may_hold_backticks(text: str, span: str) -> None:
    assert code_span(text) == span


def test_a_text_is_cut_at_a_line_and_says_so() -> None:
    text = "line\n" * 100
    assert cut_markdown(text, limit=500) == text
    cut = cut_markdown(text, limit=499)
    assert len(cut) <= 499
    assert cut.startswith("line\nline\n")
    assert cut.endswith("line\n\n… the rest is in the run's log.\n")
