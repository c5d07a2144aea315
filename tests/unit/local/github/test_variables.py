"""Actions variables, of the repository and of an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.local.github.conftest import GitHub

PLACES = ["/actions/variables", "/environments/production/variables"]


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, github: GitHub) -> str:
    """Where the variables are."""
    github.repo("PUT", "/environments/production", {})
    chosen: str = request.param
    return chosen


def test_a_variable_is_read_as_it_was_written(github: GitHub, place: str) -> None:
    assert github.repo("POST", place, {"name": "REGION", "value": "us-west-2"}).status_code == 201
    found = github.get(f"{place}/REGION")
    assert (found["name"], found["value"]) == ("REGION", "us-west-2")
    assert found["created_at"] == found["updated_at"]


def test_a_name_is_stored_in_capitals_and_found_in_any(github: GitHub, place: str) -> None:
    github.repo("POST", place, {"name": "region", "value": "x"})
    assert github.get(f"{place}/Region")["name"] == "REGION"


def test_a_second_variable_of_the_same_name_is_refused(github: GitHub, place: str) -> None:
    github.repo("POST", place, {"name": "A", "value": "1"})
    response = github.repo("POST", place, {"name": "a", "value": "2"})
    assert response.status_code == 409
    assert response.json is not None
    assert response.json["message"] == "Already exists - Variable already exists"
    assert github.get(f"{place}/A")["value"] == "1"


def test_a_change_keeps_the_day_of_creation_and_is_dated_later(github: GitHub, place: str) -> None:
    github.repo("POST", place, {"name": "A", "value": "1"})
    before = github.get(f"{place}/A")
    assert github.repo("PATCH", f"{place}/A", {"name": "A", "value": "2"}).status_code == 204
    found = github.get(f"{place}/A")
    assert found["value"] == "2"
    assert found["created_at"] == before["created_at"]
    # Even within the same second, since clients compare the dates.
    assert found["updated_at"] > before["updated_at"]


def test_an_empty_value_is_a_value(github: GitHub, place: str) -> None:
    github.repo("POST", place, {"name": "A", "value": ""})
    assert github.get(f"{place}/A")["value"] == ""


def test_a_deleted_variable_is_gone(github: GitHub, place: str) -> None:
    github.repo("POST", place, {"name": "A", "value": ""})
    assert github.repo("DELETE", f"{place}/A").status_code == 204
    assert github.repo("DELETE", f"{place}/A").status_code == 404
    assert github.get(place)["variables"] == []


@pytest.mark.parametrize("name", ["1ST", "A-B", "A B", "", "GITHUB_X", "github_x"])
def test_a_name_that_github_does_not_allow_is_refused(github: GitHub, name: str) -> None:
    assert github.repo("POST", "/actions/variables", {"name": name, "value": ""}).status_code == 422


def test_repository_and_environment_do_not_share_variables(github: GitHub) -> None:
    github.repo("PUT", "/environments/production", {})
    github.repo("POST", "/actions/variables", {"name": "A", "value": "repository"})
    assert github.repo("GET", "/environments/production/variables/A").status_code == 404


def test_an_environment_that_is_missing_has_no_variables(github: GitHub) -> None:
    assert github.repo("POST", "/environments/none/variables", {"name": "A", "value": ""}).status_code == 404
