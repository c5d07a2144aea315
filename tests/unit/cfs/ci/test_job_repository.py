"""Comments and issues on GitHub are created once and then updated."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from githubkit import GitHub

from cfs.ci.job_repository import ANSWER_TIMEOUT_SECONDS, JobRepository, job_repository
from cfs.ci.preview_comment import purpose_marker
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Tracker:
    """Comments and issues on GitHub."""

    url: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    environments: list[str] = field(default_factory=list)
    refuses: int = 0
    """The status of every answer, if not 0."""

    def repository(self) -> JobRepository:
        client = GitHub("token", base_url=self.url, http_cache=False, auto_retry=False)
        return JobRepository(github=client, owner="o", name="r")

    def items(self, path: str) -> list[dict[str, Any]]:
        return self.comments if "comments" in path else self.issues


@pytest.fixture
def tracker() -> Iterator[Tracker]:
    held = Tracker()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(asked.query).items()}
            if "/environments/" in asked.path:
                self.answer(200 if asked.path.rpartition("/")[2] in held.environments else 404, {})
                return
            items = [item for item in held.items(asked.path) if item["state"] == query.get("state", "open")]
            size, page = int(query["per_page"]), int(query.get("page", "1"))
            start = (page - 1) * size
            links = f'<{held.url}{asked.path}?per_page={size}&page={page + 1}>; rel="next"'
            self.answer(200, items[start : start + size], link=links if len(items) > start + size else "")

        def do_POST(self) -> None:
            items = held.items(self.path)
            number = len(items) + 1
            items.append({"id": number, "number": number, "state": "open", **self.body()})
            self.answer(201, items[-1])

        def do_PATCH(self) -> None:
            number = int(re.findall(r"\d+", self.path)[-1])
            item = next(each for each in held.items(self.path) if each["id"] == number)
            item.update(self.body())
            self.answer(200, item)

        def body(self) -> dict[str, Any]:
            content: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            return content

        def answer(self, status: int, content: object, *, link: str = "") -> None:
            self.send_response(held.refuses or status)
            self.send_header("Content-Type", "application/json")
            if link:
                self.send_header("Link", link)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield held
    server.shutdown()
    thread.join()
    server.server_close()


def said(count: int) -> list[dict[str, Any]]:
    return [
        {"id": number, "state": "open", "body": f"I say {purpose_marker('preview')}"} for number in range(1, count + 1)
    ]


def test_the_first_preview_creates_a_comment_and_the_next_one_updates_it(tracker: Tracker) -> None:
    tracker.comments = said(3)
    for text in ("first", "second"):
        tracker.repository().write_comment(7, f"{purpose_marker('preview')}\n{text}", purpose="preview")
    assert [comment["body"] for comment in tracker.comments[3:]] == [f"{purpose_marker('preview')}\nsecond"]


def test_the_comment_is_found_among_hundreds(tracker: Tracker) -> None:
    tracker.comments = [*said(250), {"id": 251, "state": "open", "body": f"{purpose_marker('preview')}\nold"}]
    tracker.repository().write_comment(7, f"{purpose_marker('preview')}\nnew", purpose="preview")
    assert len(tracker.comments) == 251
    assert tracker.comments[-1]["body"].endswith("new")


def test_one_issue_per_purpose_is_opened_updated_and_closed(tracker: Tracker) -> None:
    repository = tracker.repository()
    for text in ("one", "two"):
        repository.write_issue("Drift", f"{purpose_marker('drift of prod')}\n{text}", purpose="drift of prod")
    repository.write_issue("Drift", f"{purpose_marker('drift of staging')}\n", purpose="drift of staging")
    assert tracker.issues[0]["body"].endswith("two")
    assert len(tracker.issues) == 2

    repository.close_issue(purpose="drift of prod")
    assert [issue["state"] for issue in tracker.issues] == ["closed", "open"]
    repository.write_issue("Drift", f"{purpose_marker('drift of prod')}\nagain", purpose="drift of prod")
    assert len(tracker.issues) == 3


def test_closing_an_issue_succeeds_if_none_is_open(tracker: Tracker) -> None:
    tracker.repository().close_issue(purpose="drift of prod")
    assert tracker.issues == []


def test_a_refusal_names_the_permission(tracker: Tracker) -> None:
    tracker.refuses = 403
    with pytest.raises(UserError, match="pull-requests: write"):
        tracker.repository().write_comment(7, "text", purpose="preview")


def test_a_missing_environment_is_named(tracker: Tracker) -> None:
    tracker.environments = ["staging"]
    tracker.repository().require_environments(["staging"])
    with pytest.raises(UserError, match="o/r has no environment staging-preview"):
        tracker.repository().require_environments(["staging", "staging-preview"])


def test_outside_a_job_the_missing_variables_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_REPOSITORY", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="GITHUB_REPOSITORY and GITHUB_TOKEN"):
        job_repository()


def test_the_repository_comes_from_the_jobs_variables(monkeypatch: pytest.MonkeyPatch, tracker: Tracker) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "owner/name")
    monkeypatch.setenv("GITHUB_TOKEN", "token")
    monkeypatch.setenv("GITHUB_API_URL", tracker.url)
    repository = job_repository()
    repository.write_issue("T", "text", purpose="p")
    assert (repository.owner, repository.name, len(tracker.issues)) == ("owner", "name", 1)
    assert ANSWER_TIMEOUT_SECONDS > 0
