"""What is declared in the repository by which stack: one stack owns what the repository has once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from infra.github import workflow_files
from infra.github.delivery import delivered_files, git_blob_hash, read_delivered
from infra.github.environments import Approval, DeploymentEnvironment, DeploymentEnvironmentArgs
from infra.github.repository import Repository, RepositoryArgs
from infra.github.workflow_files import WorkflowFiles, WorkflowFilesArgs
from tests.unit.infra import conftest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.unit.infra.conftest import Declare, Recorder

MARKER = "marker-that-must-stay-secret"


def repository(declare: Declare, *, managed: bool) -> Recorder:
    return declare(
        lambda: Repository(
            "repository",
            args=RepositoryArgs(
                repository="claudefs",
                managed=managed,
                variables={"AWS_REGION": "us-west-2"},
                secrets={"TOKEN": SecretStr(MARKER)},
            ),
        )
    )


def environment(declare: Declare, *, branches: Sequence[str] = ("main",), approval: Approval | None = None) -> Recorder:
    return declare(
        lambda: DeploymentEnvironment(
            "deployments",
            args=DeploymentEnvironmentArgs(
                repository="claudefs",
                environment="production",
                branches=branches,
                approval=approval or Approval(),
                variables={"AWS_REGION": "us-west-2"},
                secrets={"TOKEN": SecretStr(MARKER)},
            ),
        )
    )


def test_the_stack_that_manages_the_repository_limits_what_actions_may_do(declare: Declare) -> None:
    recorder = repository(declare, managed=True)

    assert recorder.one("ActionsRepositoryPermissions").inputs["shaPinningRequired"] is True
    token = recorder.one("WorkflowRepositoryPermissions").inputs
    assert token["defaultWorkflowPermissions"] == "read"
    assert token["canApprovePullRequestReviews"] is False
    assert recorder.one("ActionsVariable").inputs["value"] == "us-west-2"


def test_another_stack_declares_nothing_that_the_repository_has_once(declare: Declare) -> None:
    assert repository(declare, managed=False).custom == []
    files = declare(
        lambda: WorkflowFiles("files", args=WorkflowFilesArgs(repository="claudefs", delivered=False)).paths
    )
    assert files.custom == []
    assert files.result == []


def test_every_workflow_file_is_delivered_as_it_stands(declare: Declare) -> None:
    files = declare(lambda: WorkflowFiles("files", args=WorkflowFilesArgs(repository="claudefs", delivered=True)).paths)

    placed = {of.inputs["file"]: of.inputs["content"] for of in files.of("RepositoryFile")}
    assert placed == {target: source.read_text(encoding="utf-8") for target, source in delivered_files().items()}
    assert files.result == sorted(placed)


@pytest.mark.parametrize("of", ["ActionsSecret", "ActionsEnvironmentSecret"])
def test_a_secrets_value_is_given_as_a_secret_and_by_no_deprecated_name(declare: Declare, of: str) -> None:
    recorder = repository(declare, managed=True) if of == "ActionsSecret" else environment(declare)
    [secret] = recorder.of(of)

    assert secret.inputs["value"] != MARKER
    assert MARKER in str(secret.inputs["value"])
    assert not {"plaintextValue", "encryptedValue"} & {name for name, value in secret.inputs.items() if value}


def test_an_environment_without_reviewers_asks_nobody_and_lets_only_its_branches_deploy(declare: Declare) -> None:
    recorder = environment(declare, branches=["main", "release/*"])

    inputs = recorder.one("RepositoryEnvironment").inputs
    assert inputs["deploymentBranchPolicy"] == {"protectedBranches": False, "customBranchPolicies": True}
    assert "reviewers" not in inputs
    assert recorder.invokes == []
    policies = recorder.of("RepositoryEnvironmentDeploymentPolicy")
    assert [policy.inputs["branchPattern"] for policy in policies] == ["main", "release/*"]


def test_without_branches_only_protected_ones_deploy(declare: Declare) -> None:
    recorder = environment(declare, branches=[])

    policy = recorder.one("RepositoryEnvironment").inputs["deploymentBranchPolicy"]
    assert policy == {"protectedBranches": True, "customBranchPolicies": False}
    assert recorder.of("RepositoryEnvironmentDeploymentPolicy") == []


def test_reviewers_are_looked_up_by_name_and_nobody_bypasses_them(declare: Declare) -> None:
    approval = Approval(users=["me"], teams=["operators"], prevent_self_review=True, wait_minutes=5)
    recorder = environment(declare, approval=approval)

    inputs = recorder.one("RepositoryEnvironment").inputs
    assert inputs["reviewers"] == [{"users": [7], "teams": [8]}]
    assert (inputs["preventSelfReview"], inputs["waitTimer"], inputs["canAdminsBypass"]) == (True, 5, False)
    asked = {invoke.token.rpartition(":")[2]: invoke.args for invoke in recorder.invokes}
    assert asked["getUser"]["username"] == "me"
    assert (asked["getTeam"]["slug"], asked["getTeam"]["summaryOnly"]) == ("operators", True)


def test_hashes_are_gits() -> None:
    assert git_blob_hash("hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"


def test_a_variable_without_a_value_is_left_out(declare: Declare) -> None:
    args = RepositoryArgs(repository="claudefs", managed=True, variables={"A": "", "B": "b"}, secrets={})

    recorder = declare(lambda: Repository("repository", args=args))

    assert [variable.inputs["variableName"] for variable in recorder.of("ActionsVariable")] == ["B"]


def test_files_are_committed_one_after_another_and_stay_when_they_leave_the_stack(declare: Declare) -> None:
    args = WorkflowFilesArgs(repository="claudefs", delivered=True)
    files = declare(lambda: WorkflowFiles("files", args=args)).of("RepositoryFile")

    assert [file.depends_on for file in files] == [frozenset(), *(frozenset({file.name}) for file in files[:-1])]
    assert all(file.retain_on_delete for file in files)


def propose(declare: Declare, monkeypatch: pytest.MonkeyPatch, there: dict[str, Path]) -> Recorder:
    """Declare the files by a pull request, where the default branch has some of them already."""
    entries = [{"path": path, "sha": git_blob_hash(read_delivered(source))} for path, source in there.items()]
    monkeypatch.setattr(conftest, "TREE", entries)
    args = WorkflowFilesArgs(repository="claudefs", delivered=True, delivery="pull-request")
    return declare(lambda: WorkflowFiles("files", args=args).pull_request)


def test_a_pull_request_brings_only_what_differs(declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = delivered_files().items()

    recorder = propose(declare, monkeypatch, dict(others))

    branch = recorder.one("Branch").inputs["branch"]
    assert [(file.inputs["file"], file.inputs["branch"]) for file in recorder.of("RepositoryFile")] == [
        (first[0], branch)
    ]
    request = recorder.one("RepositoryPullRequest")
    assert (request.inputs["headRef"], request.inputs["baseRef"]) == (branch, "main")
    assert request.depends_on >= {first[0]}


def test_nothing_is_proposed_where_the_default_branch_has_everything(
    declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = propose(declare, monkeypatch, dict(delivered_files()))

    assert recorder.custom == []
    assert recorder.result == ""


def test_a_working_tree_with_other_line_ends_delivers_the_same(
    declare: Declare, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "unix.yml").write_bytes("# Grüße\non: push\n".encode())
    (tmp_path / "windows.yml").write_bytes("# Grüße\r\non: push\r\n".encode())
    monkeypatch.setattr(workflow_files, "delivered_files", lambda: {"on.yml": tmp_path / "windows.yml"})

    assert propose(declare, monkeypatch, {"on.yml": tmp_path / "unix.yml"}).custom == []
