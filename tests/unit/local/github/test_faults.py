"""Faults: how they are switched, and what they do."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from local.github.records import FaultName

if TYPE_CHECKING:
    from tests.unit.local.github.conftest import GitHub, OpenGitHub

HOME = "/repos/octo-owner/octo-repository"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record how late answers are, instead of waiting."""
    found: list[float] = []
    monkeypatch.setattr("local.github.lifecycle.time.sleep", found.append)
    return found


def listed(github: GitHub) -> list[dict[str, Any]]:
    """List the faults that are switched on."""
    response = github.request("GET", "/_control/faults")
    found: list[dict[str, Any]] = response.json or []
    return found


def test_no_fault_is_switched_on_at_first(github: GitHub) -> None:
    assert listed(github) == []


def test_control_needs_no_token(github: GitHub) -> None:
    github.token = None
    github.fault("slow", seconds=0)
    assert [fault["name"] for fault in listed(github)] == ["slow"]


def test_every_fault_can_be_switched_on_and_off(github: GitHub) -> None:
    for name in FaultName:
        github.fault(name)
    assert {fault["name"] for fault in listed(github)} == {name.value for name in FaultName}
    github.request("DELETE", "/_control/faults")
    assert listed(github) == []


@pytest.mark.parametrize(
    "name, options",
    [
        ("meteor", {}),
        ("slow", {"speed": 1}),
        ("server-error", {"status": 404}),
        ("slow", {"seconds": -1}),
        ("slow", {"seconds": "long"}),
        ("slow", {"requests": 0}),
        ("slow", {"requests": True}),
        ("slow", {"requests": 1.5}),
        ("slow", {"path": 1}),
    ],
)
def test_a_fault_or_an_option_that_does_not_exist_is_refused(
    github: GitHub, name: str, options: dict[str, object]
) -> None:
    response = github.request("PUT", f"/_control/faults/{name}", options)
    assert response.status_code == 400
    assert response.json is not None
    assert f"\n{next(iter(options), 'name')}\n" in response.json["message"]
    assert listed(github) == []


def test_options_must_be_a_json_object(github: GitHub) -> None:
    assert github.request("PUT", "/_control/faults/slow", [1]).status_code == 400


def test_a_fault_lasts_until_it_is_switched_off(github: GitHub) -> None:
    github.fault("server-error")
    assert [github.repo("GET").status_code for _ in range(3)] == [502, 502, 502]
    github.request("DELETE", "/_control/faults")
    assert github.repo("GET").status_code == 200


def test_a_counted_fault_ends_by_itself(github: GitHub) -> None:
    github.fault("server-error", requests=2, status=503)
    assert [github.repo("GET").status_code for _ in range(3)] == [503, 503, 200]
    assert listed(github) == []


def test_a_fault_with_a_path_hits_that_path_only(github: GitHub) -> None:
    github.fault("server-error", path="/actions/secrets", requests=1)
    assert github.repo("GET").status_code == 200
    assert github.repo("GET", "/actions/secrets").status_code == 502
    assert github.repo("GET", "/actions/secrets").status_code == 200


def test_a_fault_outlasts_a_restart_with_what_is_left_of_its_count(
    github: GitHub,
    open_github: OpenGitHub,
) -> None:
    github.fault("server-error", requests=3)
    github.repo("GET")
    again = open_github(github.store.path)
    assert listed(again)[0]["requests"] == 2


def test_a_refused_change_changes_nothing(github: GitHub) -> None:
    github.fault("server-error", requests=1)
    github.repo("POST", "/actions/variables", {"name": "A", "value": "1"})
    assert github.get("/actions/variables")["variables"] == []


def test_bad_credentials_are_refused_in_githubs_words(github: GitHub) -> None:
    github.fault("bad-credentials")
    response = github.repo("GET")
    assert response.status_code == 401
    assert response.json is not None
    assert response.json["message"] == "Bad credentials"


@pytest.mark.parametrize("name", ["missing-owner", "missing-repository"])
@pytest.mark.parametrize("path", [HOME, f"{HOME}/actions/variables", HOME.upper()])
def test_a_repository_that_is_missing_is_missing_with_all_that_is_in_it(
    github: GitHub,
    name: str,
    path: str,
) -> None:
    github.fault(name)
    response = github.request("GET", path.replace("/REPOS", "/repos"))
    assert response.status_code == 404
    assert response.json is not None
    assert response.json["message"] == "Not Found"


def test_a_missing_repository_leaves_its_owner(github: GitHub) -> None:
    github.fault("missing-repository")
    assert github.request("GET", "/users/octo-owner").status_code == 200


def test_a_missing_owner_leaves_the_tokens_user(github: GitHub) -> None:
    github.fault("missing-owner")
    assert github.request("GET", "/users/octo-owner").status_code == 404
    assert github.request("GET", "/user").status_code == 200


@pytest.mark.parametrize("status", [403, 429])
def test_the_hourly_limit_names_the_time_when_it_resets(github: GitHub, status: int) -> None:
    github.fault("primary-rate-limit", seconds=90, status=status)
    response = github.repo("GET")
    assert response.status_code == status
    assert response.headers["X-RateLimit-Remaining"] == "0"
    assert response.headers["X-RateLimit-Used"] == "5000"
    assert 89 <= int(response.headers["X-RateLimit-Reset"]) - time.time() <= 91
    assert response.json is not None
    request_id = response.headers["X-GitHub-Request-Id"]
    assert response.json["message"] == (
        "API rate limit exceeded for user ID 1000. If you reach out to GitHub Support for help, "
        f"please include the request ID {request_id}."
    )


@pytest.mark.parametrize("status", [403, 429])
def test_the_secondary_limit_names_the_seconds_to_wait(github: GitHub, status: int) -> None:
    github.fault("secondary-rate-limit", seconds=30, status=status)
    response = github.repo("GET")
    assert response.status_code == status
    assert 30 <= int(response.headers["Retry-After"]) <= 31
    assert response.headers["X-RateLimit-Remaining"] != "0"
    assert response.json is not None
    assert response.json["message"].startswith("You have exceeded a secondary rate limit.")
    # Clients know the two limits apart by the end of this address.
    assert response.json["documentation_url"].endswith("#about-secondary-rate-limits")


def test_the_last_request_before_the_limit_succeeds_and_says_so(github: GitHub) -> None:
    github.fault("rate-limit-reached", seconds=90, requests=1)
    response = github.repo("GET")
    assert response.status_code == 200
    assert response.headers["X-RateLimit-Remaining"] == "0"
    assert github.repo("GET").headers["X-RateLimit-Remaining"] != "0"


@pytest.mark.parametrize("name", ["primary-rate-limit", "secondary-rate-limit", "rate-limit-reached"])
def test_a_rate_limit_ends_when_its_time_is_over(
    github: GitHub,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    github.fault(name, seconds=30)
    later = time.time() + 32
    monkeypatch.setattr("local.github.faults.time.time", lambda: later)
    response = github.repo("GET")
    assert response.status_code == 200
    assert response.headers["X-RateLimit-Remaining"] != "0"
    assert listed(github) == []


def test_a_slow_answer_comes_late_and_is_the_right_one(github: GitHub, waits: list[float]) -> None:
    github.fault("slow", seconds=7, requests=1)
    assert github.repo("GET").status_code == 200
    assert github.repo("GET").status_code == 200
    assert waits == [7, 0]


def test_a_slow_answer_can_be_a_refusal(github: GitHub, waits: list[float]) -> None:
    github.fault("slow", seconds=7)
    github.fault("server-error")
    assert github.repo("GET").status_code == 502
    assert waits == [7]


def test_a_slow_answer_does_not_keep_others_waiting(
    github: GitHub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others: list[int] = []

    def wait(seconds: float) -> None:
        if seconds:
            thread = threading.Thread(target=lambda: others.append(github.repo("GET").status_code))
            thread.start()
            thread.join(timeout=10)

    monkeypatch.setattr("local.github.lifecycle.time.sleep", wait)
    github.fault("slow", seconds=7, requests=1)
    assert github.repo("GET").status_code == 200
    assert others == [200]


def test_health_names_the_process_and_the_file(github: GitHub) -> None:
    found = github.request("GET", "/_control/health").json
    assert found is not None
    assert found["pid"] > 0
    assert found["state"] == str(github.store.path)
