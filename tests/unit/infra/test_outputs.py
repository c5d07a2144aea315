"""Outputs: one table, in code and in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from infra.outputs import OUTPUTS, export

DOCUMENT = Path(__file__).parents[3] / "docs" / "outputs.md"


def test_the_documentation_has_the_same_table() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", DOCUMENT.read_text(), flags=re.MULTILINE)

    assert dict(rows) == dict(OUTPUTS)
    assert [name for name, _ in rows] == list(OUTPUTS)


@pytest.mark.parametrize("values", [{}, dict.fromkeys(OUTPUTS, "") | {"other": ""}], ids=["missing", "unknown"])
def test_outputs_that_are_not_in_the_table_are_refused(values: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="differ from the table's"):
        export(values)
