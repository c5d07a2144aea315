"""References, branches, and what protects them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.local.github.conftest import GitHub

PROTECTION: dict[str, Any] = {
    "required_status_checks": None,
    "enforce_admins": True,
    "required_pull_request_reviews": {"required_approving_review_count": 2},
    "restrictions": None,
}


def refusal(response: Any, status: int) -> str:
    """Check a refusal, and give its message."""
    assert response.status_code == status
    text: str = response.json["message"]
    return text


def test_a_new_branch_begins_where_it_was_told(github: GitHub) -> None:
    sha = github.branch("topic/one")
    assert github.get("/git/ref/heads/topic/one")["object"] == {
        "sha": sha,
        "type": "commit",
        "url": f"http://localhost/repos/octo-owner/octo-repository/git/commits/{sha}",
    }
    assert github.get("/branches/topic/one")["commit"]["sha"] == sha


def test_a_second_branch_of_the_same_name_is_refused_in_githubs_words(github: GitHub) -> None:
    sha = github.branch("topic")
    response = github.repo("POST", "/git/refs", {"ref": "refs/heads/topic", "sha": sha})
    # The provider goes on where the message ends like this.
    assert refusal(response, 422) == "Reference already exists"


def test_a_branch_of_a_commit_that_is_missing_is_refused(github: GitHub) -> None:
    response = github.repo("POST", "/git/refs", {"ref": "refs/heads/topic", "sha": "0" * 40})
    assert refusal(response, 422) == "Object does not exist"


@pytest.mark.parametrize("name", ["heads/topic", "refs/topic"])
def test_a_reference_needs_its_full_name(github: GitHub, name: str) -> None:
    sha = github.get("/git/ref/heads/main")["object"]["sha"]
    assert github.repo("POST", "/git/refs", {"ref": name, "sha": sha}).status_code == 422


def test_a_deleted_branch_is_gone(github: GitHub) -> None:
    github.branch("topic")
    assert github.repo("DELETE", "/git/refs/heads/topic").status_code == 204
    assert refusal(github.repo("GET", "/git/ref/heads/topic"), 404) == "Not Found"
    assert refusal(github.repo("GET", "/branches/topic"), 404) == "Branch not found"
    assert refusal(github.repo("DELETE", "/git/refs/heads/topic"), 422) == "Reference does not exist"


def test_a_tag_leads_to_its_commit_and_can_be_deleted(github: GitHub) -> None:
    sha = github.get("/git/ref/heads/main")["object"]["sha"]
    github.repo("POST", "/git/refs", {"ref": "refs/tags/v1", "sha": sha})
    assert github.read_file("README.md", "v1") == "# octo-repository\n"
    assert github.repo("DELETE", "/git/refs/tags/v1").status_code == 204
    assert github.repo("GET", "/git/ref/tags/v1").status_code == 404


def test_the_default_branch_cannot_be_deleted(github: GitHub) -> None:
    assert github.repo("DELETE", "/git/refs/heads/main").status_code == 422
    assert github.repo("GET", "/branches/main").status_code == 200


def test_a_branch_moves_forward_only_unless_forced(github: GitHub) -> None:
    start = github.branch("topic")
    github.put_file("a.txt", "1", branch="topic")
    response = github.repo("PATCH", "/git/refs/heads/topic", {"sha": start})
    assert refusal(response, 422) == "Update is not a fast forward"
    assert github.repo("PATCH", "/git/refs/heads/topic", {"sha": start, "force": True}).status_code == 200
    assert github.repo("GET", "/contents/a.txt?ref=topic").status_code == 404


def test_a_branch_that_is_missing_is_not_moved(github: GitHub) -> None:
    sha = github.get("/git/ref/heads/main")["object"]["sha"]
    response = github.repo("PATCH", "/git/refs/heads/none", {"sha": sha})
    assert refusal(response, 422) == "Reference does not exist"


def test_a_new_branch_is_not_protected(github: GitHub) -> None:
    assert github.get("/branches/main")["protected"] is False
    assert refusal(github.repo("GET", "/branches/main/protection"), 404) == "Branch not protected"


@pytest.mark.parametrize("missing", PROTECTION)
def test_protection_must_say_each_of_its_four_parts(github: GitHub, missing: str) -> None:
    settings = {name: value for name, value in PROTECTION.items() if name != missing}
    assert github.repo("PUT", "/branches/main/protection", settings).status_code == 422
    assert github.get("/branches/main")["protected"] is False


def test_protection_refuses_a_direct_change_in_githubs_words(github: GitHub) -> None:
    sha = github.get("/contents/README.md")["sha"]
    github.repo("PUT", "/branches/main/protection", PROTECTION)
    demand = "Changes must be made through a pull request."
    assert refusal(github.put_file("a.txt", "1"), 409) == f"Could not create file: {demand}"
    updated = github.put_file("README.md", "1", sha=sha)
    assert refusal(updated, 409) == f"Could not update file: {demand}"
    deleted = github.repo("DELETE", "/contents/README.md", {"message": "m", "sha": sha})
    assert refusal(deleted, 409) == f"Could not delete file: {demand}"
    assert deleted.json is not None
    assert deleted.json["documentation_url"] == "https://docs.github.com/articles/about-protected-branches"
    assert len(github.get("/commits")) == 1


@pytest.mark.parametrize("change", [{"enforce_admins": False}, {"required_pull_request_reviews": None}])
def test_protection_that_does_not_bind_administrators_refuses_nothing(
    github: GitHub,
    change: dict[str, object],
) -> None:
    github.repo("PUT", "/branches/main/protection", {**PROTECTION, **change})
    assert github.put_file("a.txt", "1").status_code == 201


def test_other_branches_stay_open_while_one_is_protected(github: GitHub) -> None:
    github.branch("topic")
    github.repo("PUT", "/branches/main/protection", PROTECTION)
    assert github.put_file("a.txt", "1", branch="topic").status_code == 201


def test_protection_is_read_as_it_was_written(github: GitHub) -> None:
    github.repo("PUT", "/branches/main/protection", PROTECTION)
    assert github.get("/branches/main")["protected"] is True
    found = github.get("/branches/main/protection")
    assert found["required_pull_request_reviews"]["required_approving_review_count"] == 2
    assert found["enforce_admins"]["enabled"] is True
