"""A refresh that AWS answers wrongly loses nothing that is protected, and nobody is led to delete it."""

from __future__ import annotations

import re
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from local.app import app
from local.operations import refresh_local_stack
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.engine import LocalEngine
    from tests.e2e.stacks import Stack

BUCKETS, KEYS = "**aws:s3/bucket:**", "**aws:kms/key:**"
OF_THE_CONNECTION = ("connection", "content-length", "date", "server", "transfer-encoding")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is answered in AWS's place.

    Attributes:
        meets: Whether a request meets it, by its method, path and body.
        status: The status that is answered.
        body: The answer's body.
    """

    meets: Callable[[str, str, bytes], bool]
    status: int
    body: bytes = b""


class FaultyServer(ThreadingHTTPServer):
    """Stands in front of the emulated AWS and answers some requests itself."""

    daemon_threads = True

    def __init__(self, target: str, faults: tuple[Fault, ...]) -> None:
        super().__init__(("127.0.0.1", 0), FaultyHandler)
        self.target = target.removeprefix("http://")
        self.faults = faults


class FaultyHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyServer

    def log_message(self, *_: object) -> None:
        """Write nothing."""

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        for fault in self.server.faults:
            if fault.meets(self.command, self.path, body):
                self._send(fault.status, [], fault.body)
                return
        with closing(HTTPConnection(self.server.target, timeout=60)) as connection:
            connection.request(self.command, self.path, body, dict(self.headers.items()))
            answer = connection.getresponse()
            self._send(answer.status, answer.getheaders(), answer.read())

    def _send(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in OF_THE_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _respond  # noqa: N815 — the base class's names


@contextmanager
def with_faults(stack: Stack, *faults: Fault) -> Iterator[LocalEngine]:
    """Return an engine that meets faults of the emulated AWS."""
    with FaultyServer(stack.engine.account.aws_url, faults) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield replace(stack.engine, account=replace(stack.engine.account, aws_url=url))
        finally:
            server.shutdown()
            thread.join()


def urns(stack: Stack) -> set[str]:
    return {resource["urn"] for resource in stack.resources()}


def cfs_orphans(*arguments: str) -> tuple[int, str]:
    """Run `cfs local orphans`, and give its status and what it says."""
    done = CliRunner().invoke(app, ["orphans", *arguments])
    said = done.exception if isinstance(done.exception, UserError) else ""
    return done.exit_code, f"{done.output}{said}"


def test_a_refresh_does_not_lose_what_is_protected(stack: Stack) -> None:
    stack = stack.limited_to(BUCKETS, KEYS)
    before = urns(stack)
    bucket_refused = Fault(meets=lambda method, path, _: method == "HEAD" and "-state-" in path, status=403)
    key_gone = Fault(
        meets=lambda _method, _path, body: body.startswith(b'{"KeyId"'),
        status=400,
        body=b'{"__type": "NotFoundException", "message": "There is no such key."}',
    )

    with with_faults(stack, bucket_refused, key_gone) as engine, pytest.raises(UserError) as kept:
        refresh_local_stack(engine)

    for lost in (
        r"state \(aws:s3/bucket:Bucket, claudefs-local-state-.*\): protected; AWS refused s3:HeadBucket",
        r"encryption \(aws:kms/key:Key, .*\): protected; AWS says that it is gone",
    ):
        assert re.search(lost, kept.value.problem)
    assert urns(stack) == before


def test_what_a_plain_refresh_has_lost_is_not_offered_for_deletion_and_can_be_taken_back(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = stack.limited_to(BUCKETS)
    monkeypatch.setattr("local.app._open_engine", lambda: stack.engine)
    before, bucket = urns(stack), stack.outputs()["stateBucket"]
    fault = Fault(meets=lambda method, path, _: method == "HEAD" and "-state-" in path, status=400)
    with with_faults(stack, fault) as engine:
        engine.query_text("refresh", "--yes", "--skip-preview")
    assert len(urns(stack)) == len(before) - 1

    status, said = cfs_orphans("list")
    assert status == 0, said
    assert f"cfs local orphans adopt {bucket}" in said
    assert "cfs local orphans delete" not in said
    status, said = cfs_orphans("delete", bucket)
    assert status != 0
    assert f"{bucket}: the stack protects it, and nothing was deleted." in said

    status, said = cfs_orphans("adopt", bucket)
    assert status == 0, said
    assert urns(stack) == before
    assert stack.changes("--refresh") == {}
