"""No test file goes without being run."""

from __future__ import annotations

import ast
import os
import subprocess
from pathlib import Path

TESTS = Path(__file__).parent.parent

HELPERS = {"e2e/guarded_aws.py"}
"""Modules that tests import and that hold no test."""


def test_every_python_file_under_tests_is_collected_or_a_conftest() -> None:
    stray = [
        str(path.relative_to(TESTS))
        for path in TESTS.rglob("*.py")
        if not (path.name.startswith("test_") or path.name in ("conftest.py", "__init__.py"))
    ]
    assert set(stray) == HELPERS, "pytest collects only test_*.py: rename these, or move helpers into a conftest.py"


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
    suites = {path.relative_to(TESTS).parts[0] for path in TESTS.rglob("test_*.py")}
    assert suites == {"unit", "e2e"}
    # Without what a `make` that runs this test hands down to others.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    commands = subprocess.run(
        ["make", "--dry-run", "test"],
        cwd=TESTS.parent,
        env=environment,
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    ).stdout
    for command in (*(f" tests/{suite} " for suite in suites), "mypy", "ruff check", "shellcheck", "cfs ci lint"):
        assert command in commands


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    marks = ("mark." + "skip", "pytest." + "skip", "mark." + "xfail", "pytest." + "xfail")
    marked = [str(path) for path in TESTS.rglob("*.py") if any(mark in path.read_text() for mark in marks)]
    assert marked == []
