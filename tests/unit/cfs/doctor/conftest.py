"""The GitHub stand-in as `cfs doctor github` reaches it, without a connection."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from werkzeug.test import Client

from cfs.doctor.github_target import GitHubTarget, read_github_target
from local.github.app import create_app
from local.github.state import StateStore, new_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cfs.doctor.findings import Finding

OWNER, REPOSITORY = "local-owner", "claudefs"
STAND_IN_URL = "http://127.0.0.1:2/"
# Written in two parts, so secret scanners do not take them for real tokens.
CLASSIC = "gh" + "p_" + "c" * 36


class RefusedCall(Exception):  # noqa: N818 — an answer
    """The stand-in answered with an error."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """A stand-in and the target that the doctor examines."""

    client: Client
    store: StateStore
    target: GitHubTarget

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Call the stand-in as a person with a browser would, but without a connection."""
        answer = self.client.open(path, method=method, json=body, headers={"Authorization": f"Bearer {CLASSIC}"})
        if answer.status_code >= 400:
            raise RefusedCall(answer.status_code)
        return answer.json if answer.data else None

    def repo(self, method: str, path: str = "", body: object = None) -> Any:
        return self.call(method, f"/repos/{OWNER}/{REPOSITORY}{path}", body)

    def fault(self, name: str, **options: object) -> None:
        self.call("PUT", f"/_control/faults/{name}", options)

    def with_settings(self, **changed: object) -> GitHubTarget:
        return replace(self.target, settings=self.target.settings.model_copy(update=changed))

    def put_file(self, path: str, content: str, message: str, **fields: str) -> None:
        self.repo(
            "PUT",
            f"/contents/{path}",
            {"message": message, "content": base64.b64encode(content.encode()).decode(), **fields},
        )


@pytest.fixture(scope="module")
def shared_standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """One stand-in for all tests, because creating its application takes longer than most tests."""
    path = tmp_path_factory.mktemp("shared") / "state.json"
    store = StateStore.open_file(path, owner=OWNER, repository=REPOSITORY)
    app = create_app(store)
    target = read_github_target("local", environment={"GITHUB_TOKEN": CLASSIC, "GITHUB_BASE_URL": STAND_IN_URL})
    connect, answer = httpx.HTTPTransport.handle_request, httpx.WSGITransport(app).handle_request

    def handle_request(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        return answer(request) if str(request.url).startswith(STAND_IN_URL) else connect(transport, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx.HTTPTransport, "handle_request", handle_request)
        yield StandIn(client=Client(app), store=store, target=target)


@pytest.fixture
def standin(shared_standin: StandIn) -> StandIn:
    """A stand-in with a user's new repository and without faults."""
    shared_standin.store.state = new_state(OWNER, REPOSITORY)
    shared_standin.call("DELETE", "/_control/faults")
    return shared_standin


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry calls without waiting."""
    monkeypatch.setattr("cfs.doctor.github_client.GITHUB_RETRY_SECONDS", 0.01)


def wrong(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.verdict == "wrong"]
