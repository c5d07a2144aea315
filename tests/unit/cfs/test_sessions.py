"""The account that boto3 reaches, regardless of the user's variables and files."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from cfs.loopback import open_loopback
from cfs.sessions import connect_caller, connect_emulated
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOWHERE = "http://127.0.0.1:9"
ACCOUNT = "1234" * 3


class Sts(BaseHTTPRequestHandler):
    """Answers every request like GetCallerIdentity."""

    def do_GET(self) -> None:
        self._answer(json.dumps({"ready": True}))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        result = f"<GetCallerIdentityResult><Account>{ACCOUNT}</Account></GetCallerIdentityResult>"
        self._answer(f"<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>")

    def log_message(self, *_: object) -> None:
        """Write nothing."""

    def _answer(self, body: str) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """URL of a running server."""
    with HTTPServer(("127.0.0.1", 0), Sts) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "name, value",
    [
        ("AWS_PROFILE", "nope"),
        ("AWS_DEFAULT_PROFILE", "nope"),
        ("AWS_CONFIG_FILE", "{folder}/config"),
        ("AWS_SHARED_CREDENTIALS_FILE", "{folder}/config"),
        ("AWS_DEFAULTS_MODE", "nope"),
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("AWS_ENDPOINT_URL_STS", NOWHERE),
        ("HTTP_PROXY", NOWHERE),
        ("http_proxy", NOWHERE),
        ("ALL_PROXY", NOWHERE),
    ],
)
def test_the_local_account_is_reached_regardless_of_the_users_variables_and_files(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str
) -> None:
    (tmp_path / "config").write_text("not a configuration")
    monkeypatch.setenv(name, value.format(folder=tmp_path))

    assert connect_emulated(url=url, region="us-west-2").account_id() == ACCOUNT
    with open_loopback(url, timeout=5) as answer:
        assert json.load(answer) == {"ready": True}


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_EC2"])
def test_a_real_account_is_refused_if_a_variable_redirects_a_service(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, NOWHERE)
    with pytest.raises(UserError, match=f"{name} would redirect some calls away from AWS") as refusal:
        connect_caller(region="us-west-2")
    assert refusal.value.repair == f"unset {name}"


def test_a_missing_profile_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nope")
    with pytest.raises(UserError, match="nope") as caught:
        connect_caller(region="us-west-2")
    assert "aws sso login" in caught.value.repair
