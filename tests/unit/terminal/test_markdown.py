"""Markdown that GitHub renders as intended."""

from __future__ import annotations

import pytest

from terminal.markdown import code_span, cut_markdown, markdown_table


@pytest.mark.parametrize(
    "text, cell",
    [("a|b", r"a\|b"), (r"a\|b", r"a\\|b"), ("two\nlines", "two lines"), (code_span("a|b"), r"`a\|b`"), ("", "")],
)
def test_no_text_ends_its_table_cell(text: str, cell: str) -> None:
    assert markdown_table(("", "what"), [("1", text)]) == f"|  | what |\n| --- | --- |\n| 1 | {cell} |\n"


@pytest.mark.parametrize("text, span", [("a", "`a`"), ("a`b", "`` a`b ``"), ("``", "``` `` ```"), ("", "")])
def test_a_code_span_may_contain_backticks(text: str, span: str) -> None:
    assert code_span(text) == span


def test_a_text_is_cut_after_a_line_with_a_note() -> None:
    text = "line\n" * 100
    assert cut_markdown(text, limit=500) == text
    cut = cut_markdown(text, limit=499)
    assert len(cut) <= 499
    assert cut.startswith("line\nline\n")
    assert cut.endswith("line\n\n… the rest is in the run's log.\n")
