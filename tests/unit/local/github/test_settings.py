"""The settings of the repository and of its Actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.local.github.conftest import GitHub

PERMISSIONS = "/actions/permissions"
OIDC = "/actions/oidc/customization/sub"


def test_the_settings_of_the_repository_can_be_changed(github: GitHub) -> None:
    github.repo("PATCH", "", {"description": "A file system", "delete_branch_on_merge": True})
    found = github.get()
    assert (found["description"], found["delete_branch_on_merge"]) == ("A file system", True)
    assert found["allow_squash_merge"] is True


def test_a_description_can_be_taken_away(github: GitHub) -> None:
    github.repo("PATCH", "", {"description": "A file system"})
    github.repo("PATCH", "", {"description": None})
    assert github.get()["description"] is None


def test_a_private_repository_says_so(github: GitHub) -> None:
    github.repo("PATCH", "", {"private": True})
    assert github.get()["visibility"] == "private"


def test_a_new_repository_allows_all_actions(github: GitHub) -> None:
    assert github.get(PERMISSIONS) == {
        "enabled": True,
        "allowed_actions": "all",
        "sha_pinning_required": False,
    }


def test_actions_can_be_pinned(github: GitHub) -> None:
    body = {"enabled": True, "allowed_actions": "all", "sha_pinning_required": True}
    assert github.repo("PUT", PERMISSIONS, body).status_code == 204
    assert github.get(PERMISSIONS)["sha_pinning_required"] is True


def test_a_repository_without_actions_allows_none(github: GitHub) -> None:
    github.repo("PUT", PERMISSIONS, {"enabled": False})
    assert github.get(PERMISSIONS) == {"enabled": False}


@pytest.mark.parametrize("body", [{}, {"enabled": True, "allowed_actions": "some"}, {"enabled": "yes"}])
def test_permissions_that_do_not_exist_are_refused(github: GitHub, body: dict[str, object]) -> None:
    assert github.repo("PUT", PERMISSIONS, body).status_code == 422


def test_a_workflows_token_reads_only_until_told_otherwise(github: GitHub) -> None:
    path = f"{PERMISSIONS}/workflow"
    assert github.get(path)["default_workflow_permissions"] == "read"
    github.repo("PUT", path, {"default_workflow_permissions": "write"})
    assert github.get(path) == {
        "default_workflow_permissions": "write",
        "can_approve_pull_request_reviews": False,
    }
    assert github.repo("PUT", path, {"default_workflow_permissions": "all"}).status_code == 422


def test_the_subject_names_owner_and_repository_by_number_until_told_otherwise(github: GitHub) -> None:
    found = github.get(OIDC)
    assert found["use_default"] is True
    assert found["sub_claim_prefix"] == "repo:octo-owner@1000/octo-repository@1001"
    github.repo("PUT", OIDC, {"use_default": True, "use_immutable_subject": False})
    assert github.get(OIDC)["sub_claim_prefix"] == "repo:octo-owner/octo-repository"


def test_the_claims_of_the_subject_can_be_chosen_and_forgotten(github: GitHub) -> None:
    chosen = {"use_default": False, "include_claim_keys": ["repo", "context"]}
    assert github.repo("PUT", OIDC, chosen).status_code == 201
    assert github.get(OIDC)["include_claim_keys"] == ["repo", "context"]
    github.repo("PUT", OIDC, {"use_default": True, "include_claim_keys": ["repo"]})
    assert "include_claim_keys" not in github.get(OIDC)
