"""The workflows name what ClaudeFS's workspace has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from cfs.ci import rust_workspace as reader
from infra.github.delivery import WORKFLOW_SOURCES
from infra.workflows.scripts import package
from terminal.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.workflows.conftest import File


def test_the_manifest_is_of_the_commit_that_the_project_replaces(workspace: dict[str, Any]) -> None:
    assert workspace["commit"].startswith("1f75e51837da")
    assert len(workspace["crates"]) == 11


def test_crates_that_filters_name_exist(workflows: list[File], workspace: dict[str, Any]) -> None:
    text = "\n".join(workflow.text for workflow in workflows)
    named = set(re.findall(r"package\(([\w-]+)\)", text) + re.findall(r"(?:-p|--package) ([\w-]+)", text))
    assert named <= set(workspace["crates"])
    assert named


def test_suites_that_filters_name_exist(workflows: list[File], workspace: dict[str, Any]) -> None:
    text = "\n".join(workflow.text for workflow in workflows)
    patterns = re.findall(r"test\(/\^\(?([\w|]+)\)?::/\)", text)
    assert len(re.findall(r"\btest\(", text)) == len(patterns) > 0
    assert {suite for pattern in patterns for suite in pattern.split("|")} <= set(workspace["suites"])


def test_integration_tests_have_their_twelve_jobs() -> None:
    text = (WORKFLOW_SOURCES / "integration-tests.yml").read_text()
    assert len(re.findall(r"- \{ suite:", text)) == 12


@pytest.mark.parametrize("name", ["ci-build.yml", "tests-all.yml", "integration-tests.yml", "a9-tests.yml"])
def test_every_crate_is_compiled(name: str) -> None:
    text = (WORKFLOW_SOURCES / name).read_text()
    commands = re.findall(
        r"(?:run: |^ +)(cargo (?:build|clippy|doc|test|deny|nextest archive)\b.*)", text, re.MULTILINE
    )
    assert commands
    assert [command for command in commands if "--workspace" not in command or "--exclude" in command] == []


def test_the_archive_holds_every_program(workspace: dict[str, Any]) -> None:
    assert list(package.RELEASE_PROGRAMS) == workspace["binaries"]


def test_what_is_no_checkout_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=re.escape(str(tmp_path))):
        reader.read_workspace(tmp_path)
