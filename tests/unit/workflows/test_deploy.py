"""The deployment's workflow: reviewed before it changes anything, one at a time, back at once where it fails."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from typer.main import get_command

from cfs.ci.app import app as ci
from infra.project import PROJECT_FOLDER

if TYPE_CHECKING:
    from tests.unit.workflows.conftest import File


@pytest.fixture
def deploy(files: list[File]) -> File:
    return next(file for file in files if file.place == ".github/workflows/deploy-prod.yml")


def job(deploy: File, name: str) -> dict[str, Any]:
    content: dict[str, Any] = deploy.content["jobs"][name]
    return content


def names(steps: list[dict[str, Any]]) -> list[str]:
    return [step.get("name", step.get("uses", "")) for step in steps]


def test_one_deployment_of_an_environment_at_a_time_and_none_is_cut_off(deploy: File) -> None:
    assert deploy.content["concurrency"] == {
        "group": "deploy-${{ inputs.environment }}",
        "cancel-in-progress": "false",
    }


def test_its_inputs_are_choices_but_for_the_version(deploy: File) -> None:
    inputs = deploy.content["on"]["workflow_dispatch"]["inputs"]
    assert inputs["environment"]["options"] == ["staging", "production"]
    assert inputs["environment"]["default"] == "staging"
    assert inputs["cluster-size"]["options"] == ["as configured", "3", "5", "10"]
    assert set(inputs) == {"environment", "cluster-size", "version"}


@pytest.mark.parametrize("size, options", [("", []), ("10", ["--cluster-size", "10"])])
def test_the_cluster_has_the_size_of_the_settings_unless_a_size_is_chosen(
    deploy: File, size: str, options: list[str]
) -> None:
    assert deploy.content["on"]["workflow_dispatch"]["inputs"]["cluster-size"]["default"] == "as configured"
    sized = [step for step in deploy.steps if "SIZE" in step.get("env", {})]
    assert len(sized) == 2
    for step in sized:
        assert step["env"]["SIZE"] == "${{ inputs.cluster-size != 'as configured' && inputs.cluster-size || '' }}"
        shell = re.sub(r"exec \S+", "printf '%s\\n'", step["run"])
        told = subprocess.run(
            ["bash", "-euc", shell],
            env=dict.fromkeys(step["env"], "x") | {"SIZE": size},
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
        words = told.stdout.split()
        assert [word for word in words if word in ("--cluster-size", "10")] == options


def test_no_job_names_an_environment_that_is_not_there(deploy: File) -> None:
    [step] = [step for step in job(deploy, "preflight")["steps"] if "cfs ci environments" in step.get("run", "")]
    checked = {word.replace("$ENVIRONMENT", step["env"]["ENVIRONMENT"]) for word in re.findall(r'"(.*?)"', step["run"])}
    named = {content["environment"] for content in deploy.content["jobs"].values() if "environment" in content}
    assert named <= checked
    assert len(named) == 2


def test_what_changes_something_waits_for_the_environments_approval(deploy: File) -> None:
    environments = {name: content.get("environment") for name, content in deploy.content["jobs"].items()}
    assert environments == {
        "preflight": None,
        "build": None,
        "preview": "${{ inputs.environment }}-preview",
        "deploy": "${{ inputs.environment }}",
    }
    changing = re.compile(r"cfs deploy (?:apply|publish|roll-out|roll-back)\b")
    assert {
        name
        for name, content in deploy.content["jobs"].items()
        for step in content.get("steps", [])
        if changing.search(step.get("run", ""))
    } == {"deploy"}


def test_what_is_applied_is_what_was_reviewed(deploy: File) -> None:
    preview = next(step for step in job(deploy, "preview")["steps"] if step.get("id") == "preview")
    apply = next(step for step in job(deploy, "deploy")["steps"] if "cfs deploy apply" in step.get("run", ""))
    assert apply["env"]["DIGEST"] == "${{ needs.preview.outputs.digest }}"
    for variable in ("STACK", "SIZE", "COMMIT", "PULUMI_BACKEND_URL"):
        assert preview["env"][variable] == apply["env"][variable]


def test_steps_come_in_order(deploy: File) -> None:
    order = names(job(deploy, "deploy")["steps"])
    wanted = [
        "Check checksums and attestations",
        "Change the infrastructure",
        "Record what a cut-off change has created",
        "Publish the release to the environment",
        "Roll out",
        "See what is unfinished",
        "Return to the version before",
    ]
    assert [name for name in order if name in wanted] == wanted


def test_a_roll_out_that_was_cut_off_is_taken_back_and_a_finished_one_is_not(deploy: File) -> None:
    steps = {step.get("name"): step for step in job(deploy, "deploy")["steps"]}
    assert "steps.roll-out.outcome != 'success'" in steps["See what is unfinished"]["if"]
    assert steps["See what is unfinished"]["if"].startswith("${{ always()")
    returns = steps["Return to the version before"]["if"]
    assert returns.startswith("${{ always() && steps.status.outputs.rollout != ''")
    assert "steps.status.outputs.rollout != 'settling'" in returns


def test_a_change_that_was_cut_off_is_recorded_with_the_same_rights(deploy: File) -> None:
    steps = {step.get("name"): step for step in job(deploy, "deploy")["steps"]}
    recover, apply = steps["Record what a cut-off change has created"], steps["Change the infrastructure"]
    assert recover["if"].startswith("${{ always() && ")
    assert recover["env"].items() <= apply["env"].items()


def test_commands_exist_with_the_options_that_are_given(files: list[File]) -> None:
    called = [
        words.split()
        for file in files
        for step in file.steps
        for words in re.findall(r"/cfs ((?:ci|deploy) [^\n]*(?:\n[^\n]*)*)", step.get("run", ""))
    ]
    assert {group for group, *_ in called} == {"ci", "deploy"}
    for group, name, *rest in called:
        known = OPTIONS[group](name)
        assert known, f"there is no command `cfs {group} {name}`"
        assert {word for word in rest if word.startswith("--")} <= known


def options_of_ci(name: str) -> set[str]:
    commands: Any = vars(get_command(ci))["commands"]
    return {option for parameter in commands[name].params for option in parameter.opts} if name in commands else set()


def options_of_deploy(name: str) -> set[str]:
    """Read the description that `cfs deploy` keeps."""
    described = (PROJECT_FOLDER / "docs" / "deploy.md").read_text()
    usage = re.search(rf"```\ncfs deploy {name} (.*?)```", described, re.DOTALL)
    return set(re.findall(r"--[a-z0-9-]+", usage[1])) if usage else set()


OPTIONS = {"ci": options_of_ci, "deploy": options_of_deploy}
