"""Actions secrets: encrypted on the way in, and never shown."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from local.github.keys import decrypt_secret
from local.github.routes import ALL_ROUTES

if TYPE_CHECKING:
    from tests.unit.local.github.conftest import GitHub

MARKER = "a-plain-marker"
PLACES = ["/actions/secrets", "/environments/production/secrets"]


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, github: GitHub) -> str:
    """Where the secrets are."""
    github.repo("PUT", "/environments/production", {})
    chosen: str = request.param
    return chosen


def test_the_stored_value_is_what_the_client_encrypted(github: GitHub, place: str) -> None:
    assert github.repo("PUT", f"{place}/KEY", github.encrypt(MARKER)).status_code == 201
    repository = github.store.state.repository
    production = repository.environments["production"]
    stored = {**repository.secrets, **production.secrets}["KEY"]
    assert decrypt_secret(repository.key, stored.encrypted_value) == MARKER.encode()


def test_the_state_file_does_not_hold_the_plain_value(github: GitHub, place: str) -> None:
    github.repo("PUT", f"{place}/KEY", github.encrypt(MARKER))
    text = github.store.path.read_text()
    assert MARKER not in text
    assert base64.b64encode(MARKER.encode()).decode() not in text


def test_a_read_shows_name_and_dates_only(github: GitHub, place: str) -> None:
    github.repo("PUT", f"{place}/KEY", github.encrypt(MARKER))
    assert github.get(f"{place}/KEY").keys() == {"name", "created_at", "updated_at"}
    assert github.get(place)["secrets"][0].keys() == {"name", "created_at", "updated_at"}


def test_no_read_of_any_kind_shows_a_value_or_the_private_key(github: GitHub) -> None:
    github.repo("PUT", "/environments/production", {})
    for secrets in PLACES:
        github.repo("PUT", f"{secrets}/KEY", github.encrypt(MARKER))
    repository = github.store.state.repository
    hidden = [MARKER, repository.key.private]
    hidden += [secret.encrypted_value for secret in repository.secrets.values()]
    hidden += [secret.encrypted_value for secret in repository.environments["production"].secrets.values()]
    names = {
        "<owner>": "octo-owner",
        "<repository>": "octo-repository",
        "<int:repository_id>": str(repository.id),
        "<path:environment_name>": "production",
        "<path:branch>": "main",
        "<path:path>": "README.md",
        "<login>": "octo-owner",
        "<path:name>": "heads/main",
        "<name>": "KEY",
    }
    read = 0
    for route in ALL_ROUTES:
        if route.method == "GET":
            path = route.rule
            for name, value in names.items():
                path = path.replace(name, value)
            response = github.request("GET", path)
            read += response.status_code == 200
            assert not [secret for secret in hidden if secret in response.text], route.route_name
    for path in ("/_control/health", "/_control/faults"):
        assert not [secret for secret in hidden if secret in github.request("GET", path).text]
    assert read > 20


def test_a_name_is_stored_in_capitals_and_found_in_any(github: GitHub, place: str) -> None:
    github.repo("PUT", f"{place}/key", github.encrypt(MARKER))
    assert github.get(f"{place}/Key")["name"] == "KEY"


def test_a_new_value_keeps_the_day_of_creation_and_is_dated_later(github: GitHub, place: str) -> None:
    github.repo("PUT", f"{place}/KEY", github.encrypt(MARKER))
    before = github.get(f"{place}/KEY")
    assert github.repo("PUT", f"{place}/KEY", github.encrypt("another")).status_code == 204
    found = github.get(f"{place}/KEY")
    assert found["created_at"] == before["created_at"]
    # The date is the only sign by which a client can notice the change.
    assert found["updated_at"] > before["updated_at"]


def test_a_deleted_secret_is_gone(github: GitHub, place: str) -> None:
    github.repo("PUT", f"{place}/KEY", github.encrypt(MARKER))
    assert github.repo("DELETE", f"{place}/KEY").status_code == 204
    assert github.repo("GET", f"{place}/KEY").status_code == 404
    assert github.get(place) == {"total_count": 0, "secrets": []}


def test_the_provider_finds_an_environments_secrets_by_the_repositorys_number(github: GitHub) -> None:
    github.repo("PUT", "/environments/production", {})
    path = f"/repositories/{github.get()['id']}/environments/production/secrets/KEY"
    assert github.request("PUT", path, github.encrypt(MARKER)).status_code == 201
    assert github.get("/environments/production/secrets/KEY")["name"] == "KEY"
    assert github.request("GET", path.replace("/1001/", "/1002/")).status_code == 404


def test_a_value_for_another_key_is_refused(github: GitHub) -> None:
    body = {**github.encrypt(MARKER), "key_id": "1"}
    assert github.repo("PUT", "/actions/secrets/KEY", body).status_code == 422


@pytest.mark.parametrize("value", ["not Base64!", base64.b64encode(MARKER.encode()).decode()])
def test_a_value_that_is_not_encrypted_is_refused(github: GitHub, value: str) -> None:
    body = {**github.encrypt(MARKER), "encrypted_value": value}
    response = github.repo("PUT", "/actions/secrets/KEY", body)
    assert response.status_code == 422
    assert value not in response.text


def test_a_value_above_github_s_limit_is_refused(github: GitHub) -> None:
    assert github.repo("PUT", "/actions/secrets/KEY", github.encrypt("x" * 48 * 1024)).status_code == 201
    assert github.repo("PUT", "/actions/secrets/KEY", github.encrypt("x" * (48 * 1024 + 1))).status_code == 422


@pytest.mark.parametrize("name", ["1ST", "A-B", "GITHUB_TOKEN"])
def test_a_name_that_github_does_not_allow_is_refused(github: GitHub, name: str) -> None:
    assert github.repo("PUT", f"/actions/secrets/{name}", github.encrypt(MARKER)).status_code == 422


def test_an_environment_that_is_missing_has_no_key(github: GitHub) -> None:
    assert github.repo("GET", "/environments/none/secrets/public-key").status_code == 404
