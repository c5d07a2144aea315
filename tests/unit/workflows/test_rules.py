"""What holds of every workflow file: least permissions, pins, limits, and no step that cannot fail."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from infra.github.delivery import delivered_files
from infra.project import PROJECT_FOLDER

if TYPE_CHECKING:
    from tests.unit.workflows.conftest import File

SHELL_LINES = 4
"""Lines of shell that a step may have; more is a script or a command, with tests."""

FILE_LINES = 20
"""Lines of a step that only writes a file."""


def test_every_workflow_and_action_is_found(workflows: list[File], files: list[File]) -> None:
    assert {file.place for file in workflows} == {
        ".github/workflows/a9-tests.yml",
        ".github/workflows/ci-build.yml",
        ".github/workflows/deploy-prod.yml",
        ".github/workflows/integration-tests.yml",
        ".github/workflows/pulumi-preview.yml",
        ".github/workflows/release-build.yml",
        ".github/workflows/release.yml",
        ".github/workflows/tests-all.yml",
        "claudefs-infra/.github/workflows/ci.yml",
        "claudefs-infra/.github/workflows/drift.yml",
        "claudefs-infra/.github/workflows/preview.yml",
        "claudefs-infra/.github/workflows/status.yml",
    }
    assert {file.place for file in files} - {file.place for file in workflows} == {
        ".github/actions/infra/action.yml",
        ".github/actions/setup/action.yml",
    }


def test_the_documentation_says_when_each_workflow_runs(workflows: list[File]) -> None:
    page = (PROJECT_FOLDER / "docs" / "workflows.md").read_text()
    described = set(re.findall(r"^\| `([\w-]+\.yml)` \|", page, re.MULTILINE))
    assert described == {file.place.rpartition("/")[2] for file in workflows}


def test_permissions_are_none_but_for_those_of_a_job(workflows: list[File]) -> None:
    for workflow in workflows:
        assert workflow.content["permissions"] == {}, workflow.place
        assert all(job["permissions"] for job in workflow.content["jobs"].values()), workflow.place


def test_a_job_writes_to_the_repository_only_where_it_publishes(workflows: list[File]) -> None:
    assert {
        (workflow.place, name)
        for workflow in workflows
        for name, job in workflow.content["jobs"].items()
        if job["permissions"].get("contents") == "write"
    } == {(".github/workflows/release.yml", "publish")}


def test_every_job_has_a_limit(workflows: list[File]) -> None:
    unlimited = [
        (workflow.place, name)
        for workflow in workflows
        for name, job in workflow.content["jobs"].items()
        if "uses" not in job and not 0 < int(job.get("timeout-minutes", 0)) <= 120
    ]
    assert unlimited == []


def test_runs_of_one_kind_do_not_meet(workflows: list[File]) -> None:
    assert [workflow.place for workflow in workflows if not workflow.content["concurrency"]["group"]] == []


def test_a_pipe_fails_with_any_of_its_commands(workflows: list[File]) -> None:
    named = {"run": {"shell": "bash"}}
    others = [workflow.place for workflow in workflows if workflow.content["defaults"] != named]
    assert others == [], "only the named shell has pipefail"


def test_no_pull_request_runs_with_the_rights_of_its_target(workflows: list[File]) -> None:
    triggers = {trigger for workflow in workflows for trigger in workflow.content["on"]}
    assert not {"pull_request_target", "workflow_run"} & triggers
    assert {"push", "pull_request", "schedule", "workflow_dispatch"} <= triggers


def test_no_step_hides_its_failure(files: list[File]) -> None:
    hiding = re.compile(r"continue-on-error|\|\|\s*(?:true|:)|set \+e")
    assert {file.place: hiding.findall(file.text) for file in files if hiding.search(file.text)} == {}


def test_every_action_is_pinned_by_its_commit_and_says_its_version(files: list[File]) -> None:
    used = {name for file in files for name in re.findall(r"\buses:\s*(.*)$", file.text, re.MULTILINE)}
    own = r"\$/\.github/(?:actions/[\w-]+|workflows/[\w-]+\.yml)"
    others = r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+"
    assert [name for name in used if not re.fullmatch(f"{own}|{others}", name)] == []
    assert len(used) > 10


def test_an_action_has_one_pin(files: list[File]) -> None:
    pins = defaultdict(set)
    for file in files:
        for action, pin in re.findall(r"\buses:\s*([\w.-]+/[\w.-]+)[\w/-]*@(.*)$", file.text, re.MULTILINE):
            pins[action].add(pin)
    assert "actions/checkout" in pins
    assert {action: found for action, found in pins.items() if len(found) > 1} == {}


def test_a_tool_has_one_version(files: list[File]) -> None:
    versions = defaultdict(set)
    for file in files:
        for tool, version in re.findall(r"([a-z-]+)@(\d+\.\d+\.\d+)", file.text):
            versions[tool].add(version)
    assert versions
    assert {tool: found for tool, found in versions.items() if len(found) > 1} == {}


def test_shell_is_short(files: list[File]) -> None:
    long = [
        (file.place, step["name"])
        for file in files
        for step in file.steps
        if len(step.get("run", "").splitlines()) > (FILE_LINES if "<<END" in step.get("run", "") else SHELL_LINES)
    ]
    assert long == []


def test_shell_gets_values_by_variables(files: list[File]) -> None:
    run = [step["run"] for file in files for step in file.steps if "run" in step]
    assert [shell for shell in run if "${{" in shell] == []
    assert len(run) > 50


def test_a_runner_that_ends_a_step_reaches_cfs(files: list[File]) -> None:
    """It signals the step's entry process alone, and a shell would neither pass that on nor wait."""
    run = [step["run"] for file in files for step in file.steps if "/bin/cfs" in step.get("run", "")]
    assert [shell for shell in run if not re.match(r"exec (?:[\w-]+/)?\.venv/bin/cfs ", shell)] == []
    assert len(run) > 10


def steps_with(files: list[File], action: str) -> list[dict[str, Any]]:
    """Return the inputs of every step that uses an action, of which there must be some."""
    found = [step["with"] for file in files for step in file.steps if step.get("uses", "").startswith(f"{action}@")]
    assert found
    return found


def test_credentials_of_git_do_not_stay_in_the_checkout(files: list[File]) -> None:
    assert {inputs["persist-credentials"] for inputs in steps_with(files, "actions/checkout")} == {"false"}


def test_an_upload_of_nothing_fails(files: list[File]) -> None:
    uploads = steps_with(files, "actions/upload-artifact")
    assert {inputs["if-no-files-found"] for inputs in uploads} == {"error"}
    assert all(int(inputs["retention-days"]) > 0 for inputs in uploads)


def test_scripts_that_are_called_are_delivered(files: list[File]) -> None:
    texts = [file.text for file in files if not file.place.startswith("claudefs-infra/")]
    called = {path for text in texts for path in re.findall(r"\.github/[\w./-]+\.(?:py|toml|yml)", text)}
    actions = {name for text in texts for name in re.findall(r"\$/(\.github/actions/[\w-]+)", text)}
    assert called | {f"{name}/action.yml" for name in actions} <= delivered_files().keys()
    assert ".github/scripts/plan.py" in called
    assert ".github/actions/setup" in actions
