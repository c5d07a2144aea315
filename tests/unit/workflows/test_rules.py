"""What holds of every workflow file: least permissions, pins, limits, and no step that cannot fail."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from infra.github.delivery import delivered_files

if TYPE_CHECKING:
    from tests.unit.workflows.conftest import File

SHELL_LINES = 4
"""Lines of shell that a step may have; more is a script or a command, with tests."""

FILE_LINES = 20
"""Lines of a step that only writes a file."""


def test_permissions_are_none_but_for_those_of_a_job(workflow: File) -> None:
    assert workflow.content["permissions"] == {}
    assert all(job["permissions"] for job in workflow.content["jobs"].values())


def test_a_job_writes_to_the_repository_only_where_it_publishes(workflow: File) -> None:
    writers = {name for name, job in workflow.content["jobs"].items() if job["permissions"].get("contents") == "write"}
    assert writers <= ({"publish"} if workflow.place.endswith("/release.yml") else set())


def test_every_job_has_a_limit(workflow: File) -> None:
    jobs = {name: job for name, job in workflow.content["jobs"].items() if "uses" not in job}
    assert {name for name, job in jobs.items() if not 0 < int(job.get("timeout-minutes", 0)) <= 120} == set()


def test_runs_of_one_kind_do_not_meet(workflow: File) -> None:
    assert workflow.content["concurrency"]["group"]


def test_a_pipe_fails_with_any_of_its_commands(workflow: File) -> None:
    assert workflow.content["defaults"] == {"run": {"shell": "bash"}}, "only the named shell has pipefail"


def test_no_pull_request_runs_with_the_rights_of_its_target(workflow: File) -> None:
    assert not {"pull_request_target", "workflow_run"} & set(workflow.content["on"])


def test_no_step_hides_its_failure(file: File) -> None:
    hidden = re.findall(r"continue-on-error|\|\|\s*(?:true|:)|set \+e", file.text)
    assert hidden == []


def test_every_action_is_pinned_by_its_commit_and_says_its_version(file: File) -> None:
    used = re.findall(r"\buses:\s*(.*)$", file.text, re.MULTILINE)
    own = r"\$/\.github/(?:actions/[\w-]+|workflows/[\w-]+\.yml)"
    others = r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+"
    assert [name for name in used if not re.fullmatch(f"{own}|{others}", name)] == []


def test_an_action_has_one_pin(files: list[File]) -> None:
    pins = defaultdict(set)
    for file in files:
        for action, pin in re.findall(r"\buses:\s*([\w.-]+/[\w.-]+)[\w/-]*@(.*)$", file.text, re.MULTILINE):
            pins[action].add(pin)
    assert {action: found for action, found in pins.items() if len(found) > 1} == {}


def test_a_tool_has_one_version(files: list[File]) -> None:
    versions = defaultdict(set)
    for file in files:
        for tool, version in re.findall(r"([a-z-]+)@(\d+\.\d+\.\d+)", file.text):
            versions[tool].add(version)
    assert versions
    assert {tool: found for tool, found in versions.items() if len(found) > 1} == {}


def test_shell_is_short(file: File) -> None:
    long = [
        step["name"]
        for step in file.steps
        if len(step.get("run", "").splitlines()) > (FILE_LINES if "<<END" in step.get("run", "") else SHELL_LINES)
    ]
    assert long == []


def test_shell_gets_values_by_variables(file: File) -> None:
    assert [step["run"] for step in file.steps if "${{" in step.get("run", "")] == []


def test_credentials_of_git_do_not_stay_in_the_checkout(file: File) -> None:
    checkouts = [step for step in file.steps if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] == "false" for step in checkouts)


def test_an_upload_of_nothing_fails(file: File) -> None:
    uploads = [step for step in file.steps if step.get("uses", "").startswith("actions/upload-artifact@")]
    assert all(step["with"]["if-no-files-found"] == "error" for step in uploads)
    assert all(int(step["with"]["retention-days"]) > 0 for step in uploads)


def test_scripts_that_are_called_are_delivered(file: File) -> None:
    if not file.place.startswith("claudefs-infra/"):
        called = set(re.findall(r"\.github/[\w./-]+\.(?:py|toml|yml)", file.text))
        actions = {f"{name}/action.yml" for name in re.findall(r"\$/(\.github/actions/[\w-]+)", file.text)}
        assert (called | actions) <= delivered_files().keys()
