"""Preview and apply on a real account's stack, with a stand-in for `pulumi` that records its arguments."""

from __future__ import annotations

import copy
import subprocess
from typing import TYPE_CHECKING

import pytest

from cfs.deploy import planned_stack
from cfs.deploy import reviewed_apply as applying
from cfs.deploy.review import Review
from cfs.deploy.reviewed_apply import WantedDeployment
from cfs.engine import EngineError
from infra.project import PROJECT_FOLDER
from terminal.errors import UserError
from tests.unit.cfs.deploy.pulumi_stand_in import PREVIEW, show, told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TYPE = "aws:sns/topic:Topic"
URN = f"urn:pulumi:prod::claudefs-infra::{TYPE}::alerts"
COMPLAINT = {"severity": "error", "message": "error: unable to replace resource\n"}
WANTED = WantedDeployment(environment="prod", cluster_size=None, commit="c" * 40)


def reviewed(file: Path, wanted: WantedDeployment = WANTED) -> str:
    return applying.preview_for_review(wanted, file=file).job_outputs["digest"]


def test_the_reviewed_changes_are_applied_with_the_plan_of_the_second_preview(pulumi: Path, tmp_path: Path) -> None:
    file = tmp_path / "review.json"
    digest = reviewed(file)
    result = applying.apply_reviewed(WANTED, digest=digest, file=file)
    assert (result.exit_code, result.job_outputs) == (0, {"changes": "1"})
    assert (pulumi / "applied").read_text() == "plan\n"
    up = told(pulumi)[-1].split()
    assert up[:4] == ["up", "--yes", "--skip-preview", "--plan"]
    assert up[up.index("--stack") + 1] == "prod"


def test_the_plan_and_the_settings_of_the_run_are_deleted(pulumi: Path, tmp_path: Path) -> None:
    digest = reviewed(tmp_path / "review.json")
    applying.apply_reviewed(WANTED, digest=digest, file=None)
    words = told(pulumi)[-1].split()
    for option in ("--plan", "--config-file"):
        assert not (tmp_path / words[words.index(option) + 1]).exists()


def test_changes_that_github_would_refuse_are_not_applied(
    pulumi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "review.json"
    secret = {"type": "github:index/actionsSecret:ActionsSecret", "inputs": {"secretName": "TOKEN"}}
    urn = "urn:pulumi:prod::claudefs-infra::github:index/actionsSecret:ActionsSecret::TOKEN"
    show(pulumi, {**PREVIEW, "steps": [{"op": "create", "urn": urn, "newState": secret}]})
    digest = reviewed(file)
    monkeypatch.setenv("GITHUB_TOKEN", "")
    with pytest.raises(UserError, match="GITHUB_TOKEN is not set"):
        applying.apply_reviewed(WANTED, digest=digest, file=file)
    assert not (pulumi / "applied").exists()


def test_github_is_not_queried_if_nothing_on_it_changes(
    pulumi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "")
    digest = reviewed(tmp_path / "review.json")
    assert applying.apply_reviewed(WANTED, digest=digest, file=None).exit_code == 0
    assert (pulumi / "applied").exists()


def test_a_preview_that_differs_is_not_applied_and_the_differences_are_named(pulumi: Path, tmp_path: Path) -> None:
    file = tmp_path / "review.json"
    digest = reviewed(file)
    other = copy.deepcopy(PREVIEW)
    other["steps"][0]["op"] = "delete"
    show(pulumi, other)
    result = applying.apply_reviewed(WANTED, digest=digest, file=file)
    assert result.exit_code == applying.DIFFERS_EXIT_CODE
    assert "- not reviewed: delete aws:sns/topic:Topic alerts" in result.text
    assert "cfs deploy preview" in result.text
    assert not (pulumi / "applied").exists()


def test_without_the_review_file_a_refusal_lists_the_current_changes(pulumi: Path) -> None:
    result = applying.apply_reviewed(WANTED, digest="0" * 64, file=None)
    assert result.exit_code == applying.DIFFERS_EXIT_CODE
    assert "create aws:sns/topic:Topic alerts would be done now" in result.text
    assert not (pulumi / "applied").exists()


def test_a_file_of_another_preview_is_refused(pulumi: Path, tmp_path: Path) -> None:
    file = tmp_path / "review.json"
    reviewed(file)
    with pytest.raises(UserError, match="has the digest"):
        applying.apply_reviewed(WANTED, digest="0" * 64, file=file)
    with pytest.raises(UserError, match="cannot be read"):
        applying.apply_reviewed(WANTED, digest="0" * 64, file=tmp_path / "missing.json")
    assert not (pulumi / "applied").exists()


def test_a_failed_preview_has_no_digest_and_names_the_reason(pulumi: Path, tmp_path: Path) -> None:
    show(pulumi, {**PREVIEW, "diagnostics": [COMPLAINT]}, status=1)
    result = applying.preview_for_review(WANTED, file=tmp_path / "review.json")
    assert (result.exit_code, result.job_outputs) == (1, {"changes": "1"})
    assert "- unable to replace resource" in result.job_summary
    assert not (tmp_path / "review.json").exists()


def test_changes_that_the_engine_refuses_since_the_review_are_not_applied(pulumi: Path, tmp_path: Path) -> None:
    digest = reviewed(tmp_path / "review.json")
    show(pulumi, {**PREVIEW, "diagnostics": [COMPLAINT]}, status=1)
    with pytest.raises(UserError, match="cannot be applied: unable to replace resource"):
        applying.apply_reviewed(WANTED, digest=digest, file=None)
    assert not (pulumi / "applied").exists()


def test_a_preview_from_a_commit_without_a_setting_has_no_digest_and_names_it(pulumi: Path, tmp_path: Path) -> None:
    state = {"type": "pulumi:pulumi:Stack", "outputs": {"settings": ["alertEmails"]}}
    show(pulumi, {**PREVIEW, "steps": [*PREVIEW["steps"], {"op": "same", "urn": URN, "oldState": state}]})
    result = applying.preview_for_review(WANTED, file=tmp_path / "review.json")
    assert (result.exit_code, result.job_outputs) == (1, {"changes": "1"})
    assert "- Pulumi.prod.yaml lacks alertEmails" in result.job_summary


def test_a_preview_without_usable_output_raises_the_engines_error(pulumi: Path, tmp_path: Path) -> None:
    show(pulumi, {}, status=3)
    with pytest.raises(EngineError, match="pulumi preview ended with status 3"):
        applying.preview_for_review(WANTED, file=tmp_path / "review.json")


def test_the_size_of_the_cluster_is_set_in_a_copy_of_the_settings(pulumi: Path, tmp_path: Path) -> None:
    before = (PROJECT_FOLDER / "Pulumi.prod.yaml").read_bytes()
    applying.preview_for_review(
        WantedDeployment(environment="prod", cluster_size=10, commit="c" * 40), file=tmp_path / "review.json"
    )
    size, preview = told(pulumi)
    assert size.startswith("config set claudefs-infra:clusterSize 10 ")
    own = size.split()[size.split().index("--config-file") + 1]
    assert own in preview
    assert own != str(PROJECT_FOLDER / "Pulumi.prod.yaml")
    assert (PROJECT_FOLDER / "Pulumi.prod.yaml").read_bytes() == before


@pytest.mark.usefixtures("pulumi")
def test_the_commit_is_that_of_the_job_or_of_this_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def commit() -> str:
        file = tmp_path / "review.json"
        applying.preview_for_review(WantedDeployment(environment="prod", cluster_size=None, commit=None), file=file)
        return Review.parse_document(file.read_bytes(), key="review.json").commit

    monkeypatch.setenv("GITHUB_SHA", "d" * 40)
    assert commit() == "d" * 40
    monkeypatch.delenv("GITHUB_SHA")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=PROJECT_FOLDER, capture_output=True, text=True, check=True)
    assert commit() == head.stdout.strip()


@pytest.mark.parametrize(
    "git, problem",
    [
        ("echo 'fatal: detected dubious ownership in repository' >&2; exit 128", "dubious ownership"),
        ("exit 1", "exit status 1"),
        (None, "No such file"),
    ],
    ids=["another user's", "no commit", "no git"],
)
def test_a_commit_that_git_does_not_show_is_an_error_with_the_repair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, git: str | None, problem: str
) -> None:
    folder = tmp_path / "path"
    folder.mkdir()
    if git is not None:
        (folder / "git").write_text(f"#!/bin/sh\n{git}\n")
        (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(UserError, match=problem) as refused:
        planned_stack.head_commit()
    assert f"git config --global --add safe.directory {PROJECT_FOLDER}" in refused.value.repair
    assert "--commit" in refused.value.repair


@pytest.mark.usefixtures("pulumi")
def test_an_empty_commit_is_not_reviewed(tmp_path: Path) -> None:
    wanted = WantedDeployment(environment="prod", cluster_size=None, commit="")
    with pytest.raises(UserError, match="--commit is empty"):
        applying.preview_for_review(wanted, file=tmp_path / "review.json")


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "infra" / "cluster.py").write_text("changed"),
        lambda folder: (folder / "infra" / "new.py").write_text(""),
        lambda folder: (folder / "infra" / "cluster.py").rename(folder / "infra" / "other.py"),
        lambda folder: (folder / "requirements.txt").write_text("changed"),
        lambda folder: (folder / "Pulumi.prod.yaml").write_text("changed"),
    ],
)
def test_the_programs_digest_covers_every_declaring_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object]
) -> None:
    (tmp_path / "infra").mkdir()
    for name in ("__main__.py", "Pulumi.yaml", "requirements.txt", "infra/cluster.py", "Pulumi.prod.yaml"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(planned_stack, "PROJECT_FOLDER", tmp_path)
    monkeypatch.setattr("cfs.environments.PROJECT_FOLDER", tmp_path)
    before = planned_stack.program_digest("prod")
    cache = tmp_path / "infra" / "__pycache__"
    cache.mkdir()
    (cache / "cluster.pyc").write_text("")
    for name in (".DS_Store", ".cluster.py.swp", "cluster.py~"):
        (tmp_path / "infra" / name).write_text("")
    (tmp_path / "Pulumi.staging.yaml").write_text("")
    assert planned_stack.program_digest("prod") == before
    change(tmp_path)
    assert planned_stack.program_digest("prod") != before


@pytest.mark.usefixtures("pulumi")
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        applying.preview_for_review(WANTED, file=tmp_path / "no" / "review.json")
