"""No test file goes without being run."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

TESTS = Path(__file__).parent.parent
TEXTS = {str(path.relative_to(TESTS)): path.read_text() for path in TESTS.rglob("*.py")}
TEST_FILES = {name: text for name, text in TEXTS.items() if Path(name).name.startswith("test_")}


def test_every_file_under_tests_is_found() -> None:
    assert len(TEST_FILES) > 100
    assert {name.partition("/")[0] for name in TEST_FILES} == {"unit", "e2e"}


def test_every_python_file_under_tests_is_collected_or_a_conftest_or_imported() -> None:
    others = {name for name in TEXTS.keys() - TEST_FILES.keys() if Path(name).name != "conftest.py"}
    imported = {
        f"{module.replace('.', '/')}.py"
        for text in TEXTS.values()
        for module in re.findall(r"^\s*from tests\.([\w.]+) import", text, re.MULTILINE)
    }

    assert others <= imported, "pytest collects only test_*.py: rename these, or import them"


def test_every_test_file_holds_a_test() -> None:
    assert [name for name, text in TEST_FILES.items() if not re.search(r"^def test_", text, re.MULTILINE)] == []


def test_every_test_belongs_to_a_suite_that_make_test_runs() -> None:
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
    suites = {name.partition("/")[0] for name in TEST_FILES}
    for command in (*(f" tests/{suite} " for suite in suites), "mypy", "ruff check", "shellcheck", "cfs ci lint"):
        assert command in commands
    assert len(re.findall(r"pytest .*--durations 10 ", commands)) == len(suites), "each names its slowest tests"


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    marks = ("mark." + "skip", "pytest." + "skip", "mark." + "xfail", "pytest." + "xfail")
    assert [name for name, text in TEXTS.items() if any(mark in text for mark in marks)] == []
