"""What is the same for all requests: tokens, headers, pages, refusals, and the log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.local.github.conftest import GitHub, OpenGitHub

HOME = "/repos/octo-owner/octo-repository"
DOCS = "https://docs.github.com/rest"


def test_a_request_without_a_token_is_refused(github: GitHub) -> None:
    github.token = None
    response = github.repo("GET")
    assert response.status_code == 401
    assert response.json == {
        "message": "Requires authentication",
        "documentation_url": DOCS,
        "status": "401",
    }


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", "token "])
def test_a_header_that_holds_no_token_is_refused(github: GitHub, header: str) -> None:
    github.token = None
    assert github.repo("GET", Authorization=header).status_code == 401


def test_a_classic_token_shows_its_scopes(github: GitHub) -> None:
    github.use_classic_token()
    assert github.repo("GET").headers["X-OAuth-Scopes"] == "repo, workflow"


def test_a_fine_grained_token_shows_no_scopes(github: GitHub) -> None:
    assert "X-OAuth-Scopes" not in github.repo("GET").headers


def test_any_other_token_counts_as_fine_grained(github: GitHub) -> None:
    github.token = "dummy"
    response = github.repo("GET")
    assert response.status_code == 200
    assert "X-OAuth-Scopes" not in response.headers


def test_every_answer_has_an_id_of_its_own(github: GitHub) -> None:
    ids = {github.repo("GET").headers["X-GitHub-Request-Id"] for _ in range(3)}
    assert len(ids) == 3


def test_the_api_is_served_below_the_prefix_of_an_enterprise_server_too(github: GitHub) -> None:
    response = github.request("GET", f"/api/v3{HOME}")
    assert response.json is not None
    assert response.json["url"] == f"http://localhost/api/v3{HOME}"
    assert response.json["html_url"] == "http://localhost/octo-owner/octo-repository"


def test_what_has_not_changed_is_not_sent_again(github: GitHub) -> None:
    tag = github.repo("GET", "/git/ref/heads/main").headers["ETag"]
    response = github.repo("GET", "/git/ref/heads/main", If_None_Match=tag)
    assert (response.status_code, response.data) == (304, b"")


def test_what_has_changed_is_sent_again(github: GitHub) -> None:
    tag = github.repo("GET", "/git/ref/heads/main").headers["ETag"]
    github.put_file("a.txt", "a")
    assert github.repo("GET", "/git/ref/heads/main", If_None_Match=tag).status_code == 200


def test_a_list_comes_in_pages(github: GitHub) -> None:
    for number in range(5):
        github.repo("POST", "/actions/variables", {"name": f"V{number}", "value": ""})
    found = github.get("/actions/variables?per_page=2&page=2")
    assert found["total_count"] == 5
    assert [variable["name"] for variable in found["variables"]] == ["V2", "V3"]


def test_variables_come_in_tens_unless_asked_otherwise(github: GitHub) -> None:
    for number in range(11):
        github.repo("POST", "/actions/variables", {"name": f"V{number}", "value": ""})
    assert len(github.get("/actions/variables")["variables"]) == 10
    assert len(github.get("/actions/variables?per_page=100")["variables"]) == 11


@pytest.mark.parametrize(
    "method, path",
    [("GET", "/nothing"), ("POST", "/user"), ("GET", "/users/nobody-here"), ("GET", "/repos/octo-owner/other")],
)
def test_what_does_not_exist_is_refused_as_github_refuses_it(github: GitHub, method: str, path: str) -> None:
    response = github.request(method, path)
    assert response.json is not None
    assert response.status_code == 404
    assert response.json["message"] == "Not Found"
    assert response.json["status"] == "404"
    assert response.json["documentation_url"].startswith(DOCS)


def test_owner_and_repository_are_found_whatever_their_capitals(github: GitHub) -> None:
    response = github.request("GET", "/repos/Octo-Owner/OCTO-repository")
    assert response.json is not None
    assert response.json["full_name"] == "octo-owner/octo-repository"


def test_a_user_is_no_organization(github: GitHub) -> None:
    assert github.request("GET", "/orgs/octo-owner").status_code == 404


@pytest.mark.parametrize(
    "text, message",
    [("{", "Problems parsing JSON"), ("[1]", "Body should be a JSON object")],
)
def test_a_body_that_is_no_json_object_is_refused(github: GitHub, text: str, message: str) -> None:
    headers = {"Authorization": f"Bearer {github.token}"}
    response = github.app.test_client().post(f"{HOME}/actions/variables", data=text, headers=headers)
    assert response.status_code == 400
    assert response.json is not None
    assert response.json["message"] == message


def test_a_body_is_read_as_json_whatever_its_type_says(github: GitHub) -> None:
    headers = {
        "Authorization": f"Bearer {github.token}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    body = '{"name": "A", "value": "b"}'
    response = github.app.test_client().post(f"{HOME}/actions/variables", data=body, headers=headers)
    assert response.status_code == 201


@pytest.mark.parametrize("value", [1, True, ["a"], {"a": 1}])
def test_a_field_of_the_wrong_type_is_refused(github: GitHub, value: object) -> None:
    response = github.repo("POST", "/actions/variables", {"name": "A", "value": value})
    assert response.status_code == 422
    assert response.json is not None
    assert "For 'value'" in response.json["message"]


def test_a_boolean_is_no_number(github: GitHub) -> None:
    assert github.repo("PUT", "/environments/e", {"wait_timer": True}).status_code == 422


@pytest.mark.parametrize("host", ["github.example", "192.0.2.1:80"])
def test_a_request_to_another_host_is_refused(github: GitHub, host: str) -> None:
    # A web page could otherwise reach the stand-in by binding its own name to this machine.
    for path in (HOME, "/_control/faults"):
        response = github.request("GET", path, headers={"Host": host})
        assert response.status_code == 403


def test_the_log_says_what_was_asked_and_answered_and_nothing_else(
    github: GitHub,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    sealed = github.encrypt("plain-marker")
    github.repo("PUT", "/actions/secrets/KEY", sealed)
    github.repo("POST", "/actions/variables?query-marker=1", {"name": "A", "value": "value-marker"})
    github.repo("GET", "/contents/a%0Ab", X_Marker="header-marker")
    assert caplog.messages == [
        f"GET {HOME}/actions/secrets/public-key 200",
        f"PUT {HOME}/actions/secrets/KEY 201",
        f"POST {HOME}/actions/variables 201",
        f"GET {HOME}/contents/a%0Ab 404 (not served by the stand-in)",
    ]
    assert github.token is not None
    for hidden in (github.token, sealed["encrypted_value"], "marker"):
        assert hidden not in caplog.text


def test_the_log_tells_a_path_that_is_not_served_from_one_where_nothing_is(
    github: GitHub,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    github.repo("GET", "/actions/variables/NONE")
    github.repo("GET", "/issues")
    assert caplog.messages == [
        f"GET {HOME}/actions/variables/NONE 404",
        f"GET {HOME}/issues 404 (not served by the stand-in)",
    ]


def test_a_failure_of_the_stand_in_itself_is_answered_in_githubs_shape(
    tmp_path: Path, open_github: OpenGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise ValueError("no disk")

    github = open_github(tmp_path / "state.json")
    github.app.testing = False
    monkeypatch.setattr(github.store, "save_state", fail)
    response = github.repo("PATCH", "", {"private": True})
    assert response.status_code == 500
    assert response.json is not None
    assert response.json["message"] == "The stand-in failed: no disk"
