"""Pull requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.local.github.conftest import GitHub

OPENING = {"title": "Deliver", "body": "Why", "head": "topic", "base": "main"}


@pytest.fixture
def ready(github: GitHub) -> GitHub:
    """A repository with a branch that has one commit more than the default branch."""
    github.branch("topic")
    github.put_file("a.txt", "1\n2\n", branch="topic")
    return github


def open_pull(github: GitHub, **changes: object) -> dict[str, Any]:
    """Open a pull request."""
    response = github.repo("POST", "/pulls", {**OPENING, **changes})
    assert response.status_code == 201, response.text
    assert response.json is not None
    found: dict[str, Any] = response.json
    return found


def errors(response: Any) -> list[dict[str, str]]:
    """Check a refusal, and give its errors."""
    assert response.status_code == 422
    assert response.json["message"] == "Validation Failed"
    found: list[dict[str, str]] = response.json["errors"]
    return found


def test_a_pull_request_is_read_as_it_was_opened(ready: GitHub) -> None:
    number = open_pull(ready)["number"]
    found = ready.get(f"/pulls/{number}")
    assert (found["title"], found["body"], found["state"]) == ("Deliver", "Why", "open")
    assert (found["head"]["ref"], found["base"]["ref"]) == ("topic", "main")
    assert found["head"]["sha"] == ready.get("/git/ref/heads/topic")["object"]["sha"]
    assert (found["commits"], found["additions"], found["changed_files"]) == (1, 2, 1)
    assert found["merged"] is False


def test_a_head_may_name_its_owner(ready: GitHub) -> None:
    assert open_pull(ready, head="octo-owner:topic")["head"]["label"] == "octo-owner:topic"


def test_an_open_pull_request_follows_its_branch(ready: GitHub) -> None:
    number = open_pull(ready)["number"]
    ready.put_file("b.txt", "", branch="topic")
    found = ready.get(f"/pulls/{number}")
    assert found["head"]["sha"] == ready.get("/git/ref/heads/topic")["object"]["sha"]
    assert (found["commits"], found["changed_files"]) == (2, 2)


def test_a_second_pull_request_of_the_same_branch_is_refused(ready: GitHub) -> None:
    open_pull(ready)
    found = errors(ready.repo("POST", "/pulls", OPENING))
    assert found[0]["message"] == "A pull request already exists for octo-owner:topic."


def test_a_branch_without_commits_of_its_own_is_refused(github: GitHub) -> None:
    github.branch("topic")
    assert errors(github.repo("POST", "/pulls", OPENING))[0]["message"] == "No commits between main and topic"


@pytest.mark.parametrize("field", ["head", "base"])
def test_a_branch_that_is_missing_is_refused_by_the_fields_name(ready: GitHub, field: str) -> None:
    found = errors(ready.repo("POST", "/pulls", {**OPENING, field: "none"}))
    assert found == [{"resource": "PullRequest", "code": "invalid", "field": field}]


def test_an_edit_changes_what_it_names(ready: GitHub) -> None:
    before = open_pull(ready)
    ready.repo("PATCH", f"/pulls/{before['number']}", {"title": "Better"})
    found = ready.get(f"/pulls/{before['number']}")
    assert (found["title"], found["body"]) == ("Better", "Why")
    assert found["updated_at"] > before["updated_at"]


def test_a_closed_pull_request_stays_as_it_was_and_can_be_reopened(ready: GitHub) -> None:
    number = open_pull(ready)["number"]
    ready.repo("PATCH", f"/pulls/{number}", {"state": "closed"})
    closed = ready.get(f"/pulls/{number}")
    assert closed["state"] == "closed"
    assert closed["closed_at"] is not None
    ready.put_file("b.txt", "", branch="topic")
    assert ready.get(f"/pulls/{number}")["head"]["sha"] == closed["head"]["sha"]
    ready.repo("PATCH", f"/pulls/{number}", {"state": "open"})
    assert ready.get(f"/pulls/{number}")["closed_at"] is None


def test_a_pull_request_has_no_other_states(ready: GitHub) -> None:
    number = open_pull(ready)["number"]
    assert ready.repo("PATCH", f"/pulls/{number}", {"state": "merged"}).status_code == 422


def test_deleting_its_branch_closes_a_pull_request(ready: GitHub) -> None:
    before = open_pull(ready)
    ready.repo("DELETE", "/git/refs/heads/topic")
    found = ready.get(f"/pulls/{before['number']}")
    assert found["state"] == "closed"
    assert found["head"]["sha"] == before["head"]["sha"]


def test_a_list_shows_the_open_ones_unless_asked_otherwise(ready: GitHub) -> None:
    first = open_pull(ready)["number"]
    ready.repo("PATCH", f"/pulls/{first}", {"state": "closed"})
    second = open_pull(ready)["number"]
    listed = {
        query: [pull["number"] for pull in ready.get(f"/pulls?{query}")]
        for query in ("", "state=closed", "state=all", "head=octo-owner:topic", "base=none")
    }
    assert listed == {
        "": [second],
        "state=closed": [first],
        "state=all": [second, first],
        "head=octo-owner:topic": [second],
        "base=none": [],
    }


def test_a_pull_request_that_is_missing_is_not_found(github: GitHub) -> None:
    assert github.repo("GET", "/pulls/1").status_code == 404
    assert github.repo("PATCH", "/pulls/1", {"title": "t"}).status_code == 404
