"""Outputs: one table, in code and in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from infra.config.settings import SETTING_FIELDS
from infra.outputs import OUTPUT_DESCRIPTIONS, export_values

DOCUMENT = Path(__file__).parents[3] / "docs" / "outputs.md"
PARITY = DOCUMENT.with_name("parity.md")


def test_the_documentation_has_the_same_table() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", DOCUMENT.read_text(), flags=re.MULTILINE)

    assert dict(rows) == dict(OUTPUT_DESCRIPTIONS)
    assert [name for name, _ in rows] == list(OUTPUT_DESCRIPTIONS)


@pytest.mark.parametrize(
    "values", [{}, dict.fromkeys(OUTPUT_DESCRIPTIONS, "") | {"other": ""}], ids=["missing", "unknown"]
)
def test_outputs_that_are_not_in_the_table_are_refused(values: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="differ from the table's"):
        export_values(values)


def test_the_parity_table_names_all_54_variables_once() -> None:
    section = PARITY.read_text().partition("## Variables")[2].partition("## Outputs")[0]
    variables = re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)

    assert len(variables) == len(set(variables)) == 54


def test_the_parity_table_names_settings_and_outputs_that_there_are() -> None:
    cells = re.findall(r"^\| .+? \| (.*?) \|", PARITY.read_text(), flags=re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`([a-z]+[A-Z]\w*)`", cell)}
    settings = {key.partition(":")[2] for key in SETTING_FIELDS}

    assert named <= settings | OUTPUT_DESCRIPTIONS.keys()
    assert len(named) > 20
