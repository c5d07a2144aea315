"""No test file goes without being run."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parent.parent


def test_every_python_file_under_tests_is_collected_or_a_conftest() -> None:
    stray = [
        str(path.relative_to(TESTS))
        for path in TESTS.rglob("*.py")
        if not (path.name.startswith("test_") or path.name in ("conftest.py", "__init__.py"))
    ]
    assert stray == [], "pytest collects only test_*.py: rename these, or move helpers into a conftest.py"


def test_every_test_file_holds_a_test() -> None:
    empty = [
        str(path.relative_to(TESTS))
        for path in TESTS.rglob("test_*.py")
        if not any(
            isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
            for node in ast.walk(ast.parse(path.read_text()))
        )
    ]
    assert empty == []


def test_every_test_belongs_to_a_suite_that_make_test_runs() -> None:
    makefile = (TESTS.parent / "Makefile").read_text()
    suites = {path.relative_to(TESTS).parts[0] for path in TESTS.rglob("test_*.py")}
    assert suites == {"unit", "e2e"}
    assert all(f"pytest tests/{suite}" in makefile for suite in suites)
    assert "test: lint types unit e2e" in makefile


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    marks = ("mark." + "skip", "pytest." + "skip", "mark." + "xfail", "pytest." + "xfail")
    marked = [str(path) for path in TESTS.rglob("*.py") if any(mark in path.read_text() for mark in marks)]
    assert marked == []
