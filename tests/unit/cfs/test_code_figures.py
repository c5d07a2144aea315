"""The code's figures are right for known code, and within the bounds for this project."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from measure.code_figures import count_code

if TYPE_CHECKING:
    from pathlib import Path

ONE = """LIMIT = 1


class Group:
    def __init__(self) -> None:
        self.names = 1

    def close(self) -> None: ...


def list_groups() -> None:
    first = 1
    second = 2
"""
OTHER = """LIMIT: int = 2
_PRIVATE = 3


def list_groups() -> None: ...
"""


def test_names_and_lines_are_counted(tmp_path: Path) -> None:
    for name, source in {
        "infra/one.py": ONE,
        "local/other.py": OTHER,
        "tests/test_it.py": "def test() -> None: ...\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True, timeout=30)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True, timeout=30)

    figures = count_code(tmp_path)

    assert figures.lines == {"product": 13, "emulated account and Pulumi": 5, "measuring harness": 0, "tests": 1}
    assert (figures.functions, figures.one_word_functions) == (3, 1)
    assert figures.shared_names == {
        "LIMIT": ["infra/one.py", "local/other.py"],
        "list_groups": ["infra/one.py", "local/other.py"],
    }
    assert (figures.names, figures.shared_percent) == (5, 80.0)
    assert (figures.longest_function, figures.longest_lines) == ("infra/one.py:list_groups", 3)


def test_names_tell_what_they_are_and_functions_fit_a_screen() -> None:
    figures = count_code()

    assert figures.functions > 1000
    assert figures.one_word_percent < 5
    assert figures.shared_percent < 3, figures.shared_names
    assert figures.longest_lines <= 60, figures.longest_function
