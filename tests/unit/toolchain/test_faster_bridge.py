"""The built providers translate names without copying them for each letter, and try the usual name first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolchain import faster_bridge

if TYPE_CHECKING:
    from pathlib import Path

CODE = """package naming

import (
\t"unicode"
)

func other() string {
\tvar result string
\treturn result
}

func terraformToPulumiName(name string, upper bool) string {
\tvar result string
\tfor _, c := range name {
\t\tif upper {
\t\t\tresult += string(unicode.ToUpper(c))
\t\t} else {
\t\t\tresult += string(c)
\t\t}
\t}
\tresult += "_"
\treturn result
}
"""
CHANGED = """package naming

import (
\t"strings"
\t"unicode"
)

func other() string {
\tvar result string
\treturn result
}

func terraformToPulumiName(name string, upper bool) string {
\tvar result strings.Builder
\tfor _, c := range name {
\t\tif upper {
\t\t\tresult.WriteRune(unicode.ToUpper(c))
\t\t} else {
\t\t\tresult.WriteRune(c)
\t\t}
\t}
\tresult.WriteString("_")
\treturn result.String()
}
"""
SEARCH_CODE = """package tfbridge

func PulumiToTerraformName(name string) string {
\t// First, check if any tf name points to this one.
\tif tfs != nil {
\t\ttfs.Range()
\t}
}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    for place, code in ((faster_bridge.SEARCH_FILE, SEARCH_CODE), (faster_bridge.NAMING_FILE, CODE)):
        file = tmp_path / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code)
    return file


def test_names_are_written_into_a_buffer_and_other_functions_stay(file: Path, tmp_path: Path) -> None:
    faster_bridge.translate_names_faster(tmp_path)
    assert file.read_text() == CHANGED


@pytest.mark.usefixtures("file")
def test_the_usual_name_is_tried_before_all_others(tmp_path: Path) -> None:
    faster_bridge.translate_names_faster(tmp_path)
    search = tmp_path / faster_bridge.SEARCH_FILE
    code = search.read_text()
    assert code.index("return usual\n") < code.index("tfs.Range()")
    assert "func usualName(name string) string {" in search.with_name("usual_name.go").read_text()


def test_code_that_has_changed_is_refused(file: Path, tmp_path: Path) -> None:
    file.write_text(CODE.replace('result += "_"', 'result = result + "_"'))
    with pytest.raises(LookupError, match=r"naming\.go does not have .* once"):
        faster_bridge.translate_names_faster(tmp_path)
    assert 'result = result + "_"' in file.read_text()
