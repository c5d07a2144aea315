"""Deployment environments, and which branches may deploy to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.local.github.conftest import GitHub

CUSTOM = {"deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}}
POLICIES = "/environments/production/deployment-branch-policies"


def rules(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the protection rules by their kind."""
    return {rule["type"]: rule for rule in found["protection_rules"]}


def test_a_new_environment_demands_nothing(github: GitHub) -> None:
    assert github.repo("PUT", "/environments/production", {}).status_code == 200
    found = github.get("/environments/production")
    assert found["protection_rules"] == []
    assert found["deployment_branch_policy"] is None
    assert found["can_admins_bypass"] is True


def test_an_environment_is_read_as_it_was_written(github: GitHub) -> None:
    user = github.get()["owner"]["id"]
    settings = {
        "wait_timer": 30,
        "reviewers": [{"type": "User", "id": user}],
        "prevent_self_review": True,
        "can_admins_bypass": False,
        **CUSTOM,
    }
    github.repo("PUT", "/environments/production", settings)
    found = github.get("/environments/production")
    assert rules(found)["wait_timer"]["wait_timer"] == 30
    assert rules(found)["required_reviewers"]["prevent_self_review"] is True
    assert rules(found)["required_reviewers"]["reviewers"][0]["reviewer"]["login"] == "octo-owner"
    assert "branch_policy" in rules(found)
    assert found["can_admins_bypass"] is False
    assert found["deployment_branch_policy"] == CUSTOM["deployment_branch_policy"]


def test_the_ids_of_an_environments_rules_stay(github: GitHub) -> None:
    github.repo("PUT", "/environments/production", {"wait_timer": 1})
    before = rules(github.get("/environments/production"))["wait_timer"]["id"]
    github.repo("PUT", "/environments/production", {"wait_timer": 2})
    assert rules(github.get("/environments/production"))["wait_timer"]["id"] == before


def test_a_change_resets_what_it_leaves_out_and_keeps_what_is_inside(github: GitHub) -> None:
    github.repo("PUT", "/environments/production", {"wait_timer": 30})
    before = github.get("/environments/production")
    github.repo("POST", "/environments/production/variables", {"name": "A", "value": "1"})
    github.repo("PUT", "/environments/production", {})
    found = github.get("/environments/production")
    assert found["protection_rules"] == []
    assert (found["id"], found["created_at"]) == (before["id"], before["created_at"])
    assert found["updated_at"] > before["updated_at"]
    assert github.get("/environments/production/variables/A")["value"] == "1"


def test_a_name_keeps_its_capitals_and_is_found_in_any(github: GitHub) -> None:
    github.repo("PUT", "/environments/Production", {})
    assert github.get("/environments/production")["name"] == "Production"


def test_a_name_may_have_a_slash(github: GitHub) -> None:
    assert github.repo("PUT", "/environments/production%2Feu", {}).status_code == 200
    found = github.get("/environments/production%2Feu")
    assert found["name"] == "production/eu"
    assert found["url"].endswith("/environments/production%2Feu")
    github.repo("POST", "/environments/production%2Feu/variables", {"name": "A", "value": "1"})
    assert github.get("/environments/production%2Feu/variables/A")["value"] == "1"


@pytest.mark.parametrize(
    "settings",
    [
        {"wait_timer": -1},
        {"wait_timer": 43_201},
        {"reviewers": [{"type": "User", "id": 1}]},
        {"reviewers": [{"type": "Team", "id": 1000}]},
        {"deployment_branch_policy": {"protected_branches": True, "custom_branch_policies": True}},
        {"deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": False}},
    ],
    ids=str,
)
def test_settings_that_github_does_not_allow_are_refused(
    github: GitHub,
    settings: dict[str, object],
) -> None:
    assert github.repo("PUT", "/environments/production", settings).status_code == 422
    assert github.repo("GET", "/environments/production").status_code == 404


def test_a_deleted_environment_is_gone_with_what_was_in_it(github: GitHub) -> None:
    github.repo("PUT", "/environments/production", CUSTOM)
    github.repo("POST", "/environments/production/variables", {"name": "A", "value": "1"})
    github.repo("POST", POLICIES, {"name": "main"})
    assert github.repo("DELETE", "/environments/production").status_code == 204
    assert github.repo("DELETE", "/environments/production").status_code == 404
    github.repo("PUT", "/environments/production", CUSTOM)
    assert github.get("/environments/production/variables")["variables"] == []
    assert github.get(POLICIES)["branch_policies"] == []


def test_a_policy_is_read_changed_and_deleted(github: GitHub) -> None:
    github.repo("PUT", "/environments/production", CUSTOM)
    created = github.repo("POST", POLICIES, {"name": "main"}).json
    assert created is not None
    assert (created["name"], created["type"]) == ("main", "branch")
    path = f"{POLICIES}/{created['id']}"
    github.repo("PUT", path, {"name": "release/*"})
    assert github.get(path) == {**created, "name": "release/*"}
    assert github.repo("DELETE", path).status_code == 204
    assert github.repo("GET", path).status_code == 404


def test_branches_and_tags_may_have_the_same_pattern_but_not_twice(github: GitHub) -> None:
    github.repo("PUT", "/environments/production", CUSTOM)
    statuses = [
        github.repo("POST", POLICIES, {"name": "v*", "type": kind}).status_code
        for kind in ("branch", "tag", "tag", "commit")
    ]
    assert statuses == [200, 200, 303, 422]


@pytest.mark.parametrize(
    "policy",
    [None, {"protected_branches": True, "custom_branch_policies": False}],
)
def test_an_environment_without_policies_of_its_own_hides_them(
    github: GitHub,
    policy: dict[str, bool] | None,
) -> None:
    github.repo("PUT", "/environments/production", {"deployment_branch_policy": policy})
    assert github.repo("GET", POLICIES).status_code == 404
    assert github.repo("POST", POLICIES, {"name": "main"}).status_code == 404
