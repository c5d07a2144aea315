"""The built AWS provider copies schemas without reflection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolchain import copied_schemas

if TYPE_CHECKING:
    from pathlib import Path

CODE = """package schema

import (
\t"github.com/hashicorp/go-cty/cty"
\t"github.com/mitchellh/copystructure"
)

func (m *schemaMap) DeepCopy() schemaMap {
\tcopiedMap, err := copystructure.Config{Lock: true}.Copy(m)
\tif err != nil {
\t\tpanic(err)
\t}
\treturn *copiedMap.(*schemaMap)
}
"""
CHANGED = """package schema

import (
\t"github.com/hashicorp/go-cty/cty"
)

func (m *schemaMap) DeepCopy() schemaMap {
\treturn copySchemas(*m)
}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / copied_schemas.SCHEMA_FILE
    file.parent.mkdir(parents=True)
    file.write_text(CODE)
    return file


def test_schemas_are_copied_by_a_function_of_the_same_package(file: Path, tmp_path: Path) -> None:
    copied_schemas.copy_without_reflection(tmp_path)
    assert file.read_text() == CHANGED
    functions = file.with_name("copied_schemas.go").read_text()
    assert functions.startswith("package schema\n")
    assert "func copySchemas(" in functions


def test_code_that_has_changed_is_refused(file: Path, tmp_path: Path) -> None:
    file.write_text(CODE.replace("Lock: true", "Lock: false"))
    with pytest.raises(LookupError, match=r"(?s)schema\.go does not have .* once"):
        copied_schemas.copy_without_reflection(tmp_path)
