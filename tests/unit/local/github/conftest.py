"""A stand-in for each test, with all responses validated against GitHub's schema."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from nacl.public import PublicKey, SealedBox

from local.github.app import create_app
from local.github.state import StateStore, new_state
from tests.unit.local.github.schemas import check_response

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask
    from werkzeug.test import TestResponse

OWNER = "octo-owner"
REPOSITORY = "octo-repository"
# Written in two parts, so that secret scanners do not report them.
CLASSIC = "gh" + "p_" + "c" * 36
FINE_GRAINED = "github" + "_pat_" + "f" * 36


class GitHub:
    """A client of a stand-in."""

    def __init__(self, app: Flask, store: StateStore) -> None:
        self.app = app
        self.store = store
        self.token: str | None = FINE_GRAINED

    def use_classic_token(self) -> None:
        self.token = CLASSIC

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> TestResponse:
        """Send a request."""
        sent = dict(headers or {})
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        return self.app.test_client().open(path, method=method, json=body, headers=sent)

    def repo(self, method: str, path: str = "", body: object = None, **headers: str) -> TestResponse:
        """Send a request to a path below the repository's."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request(method, f"/repos/{OWNER}/{REPOSITORY}{path}", body, named)

    def get(self, path: str = "") -> Any:
        """Return the JSON of an existing resource of the repository."""
        response = self.repo("GET", path)
        assert response.status_code == 200, response.text
        return response.json

    def fault(self, name: str, **options: object) -> None:
        """Switch a fault on."""
        response = self.request("PUT", f"/_control/faults/{name}", options)
        assert response.status_code == 200, response.text

    def encrypt(self, value: str) -> dict[str, str]:
        """Return the request body that stores a secret."""
        key = self.get("/actions/secrets/public-key")
        sealed = SealedBox(PublicKey(base64.b64decode(key["key"]))).encrypt(value.encode())
        return {"key_id": key["key_id"], "encrypted_value": base64.b64encode(sealed).decode()}

    def put_file(self, path: str, content: str, **fields: str) -> TestResponse:
        """Create a file, or replace it if `sha` is given."""
        encoded = base64.b64encode(content.encode()).decode()
        return self.repo("PUT", f"/contents/{path}", {"message": f"Write {path}", "content": encoded, **fields})

    def read_file(self, path: str, ref: str = "main") -> str:
        """Return a file's content."""
        return base64.b64decode(self.get(f"/contents/{path}?ref={ref}")["content"]).decode()

    def branch(self, name: str) -> str:
        """Create a branch from `main`, and return its commit's hash."""
        sha: str = self.get("/git/ref/heads/main")["object"]["sha"]
        response = self.repo("POST", "/git/refs", {"ref": f"refs/heads/{name}", "sha": sha})
        assert response.status_code == 201, response.text
        return sha


class OpenGitHub(Protocol):
    """Opens a stand-in on a new or existing state file."""

    def __call__(self, path: Path) -> GitHub: ...


@pytest.fixture(scope="session")
def open_github() -> OpenGitHub:
    def opened(path: Path) -> GitHub:
        app = create_app(store := StateStore.open_file(path, owner=OWNER, repository=REPOSITORY))
        app.after_request(check_response)
        # With this, a response that violates the schema raises an error in the test.
        app.testing = True
        return GitHub(app, store)

    return opened


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, open_github: OpenGitHub) -> GitHub:
    """The application for `github`, shared because creating one for each test would take most of the time."""
    return open_github(tmp_path_factory.mktemp("shared") / "state.json")


@pytest.fixture
def github(tmp_path: Path, shared: GitHub) -> GitHub:
    """A stand-in with a user's new repository."""
    shared.store.path = tmp_path / "state.json"
    shared.store.state = new_state(OWNER, REPOSITORY)
    shared.store.save_state()
    return GitHub(shared.app, shared.store)
