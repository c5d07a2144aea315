"""A guest's whole world: the metadata service, DNS, the emulated account, Debian's archive and downloads."""

from __future__ import annotations

import http.client
import re
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from measure.boot.faults import FaultKind, NetworkFaults
from measure.boot.http_answer import HttpAnswer
from measure.boot.name_server import answer_query, asked_name
from measure.boot.namespaces import GATEWAY_ADDRESS, METADATA_ADDRESS, NAME_SERVER_ADDRESS, Endpoint, open_sockets

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from measure.boot.apt_cache import AptCache
    from measure.boot.metadata import InstanceMetadata

ARCHIVE_HOST = "debian.boot.test"
"""The guests' name of the Debian archive."""

_AWS = ".amazonaws.com"
_AWS_SECONDS = 60
_HANG_SECONDS = 300
_HOP_HEADERS = {"connection", "content-length", "date", "expect", "server", "transfer-encoding"}
"""Headers of one connection (RFC 9110, section 7.6.1), and those that the server writes itself."""


@dataclass(frozen=True, kw_only=True)
class GuestRequest:
    """A request of a guest to AWS.

    Attributes:
        action: AWS's action, such as `CreateTags`; for S3 the method.
        body: The body, as text.
    """

    action: str
    body: str


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """The servers of one guest.

    Attributes:
        account_port: Port of the emulated account on loopback.
        archive: Debian's archive.
        downloads: A folder of files for each host.
        certificate: Certificate and key of all hosts.
        metadata: The instance metadata.
        faults: Present faults.
        requests: Requests to AWS, in order.
    """

    account_port: int
    archive: AptCache
    downloads: Path
    certificate: Path
    metadata: InstanceMetadata
    faults: NetworkFaults = field(default_factory=NetworkFaults)
    requests: list[GuestRequest] = field(default_factory=list)

    @contextmanager
    def serve_guest(self, namespace: Path) -> Iterator[None]:
        """Serve in a network namespace for the duration of the block."""
        names, *listening = open_sockets(
            namespace,
            (
                Endpoint(address=NAME_SERVER_ADDRESS, port=53, is_datagram=True),
                Endpoint(address=METADATA_ADDRESS, port=80),
                Endpoint(address=GATEWAY_ADDRESS, port=80),
                Endpoint(address=GATEWAY_ADDRESS, port=443),
            ),
        )
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.certificate)
        # The handshake is the connection's thread's.
        listening[-1] = tls.wrap_socket(listening[-1], server_side=True, do_handshake_on_connect=False)
        servers = [_GuestServer(opened, self) for opened in listening]
        for serve in (*(server.serve_forever for server in servers), lambda: self._serve_names(names)):
            threading.Thread(target=serve, daemon=True).start()
        try:
            yield
        finally:
            for server in servers:
                server.shutdown()
                server.server_close()
            names.close()

    def answer_request(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer | None:
        """Return the answer to a request, or None to close the connection.

        Args:
            method: HTTP method.
            target: Host and path, such as `example.com/file`.
            headers: The request's headers.
            body: The request's body.
        """
        action = aws_action(headers, body) or method
        request = f"{target} {action}"
        if self.faults.find_fault(request) == FaultKind.HANG:
            self.faults.await_end(request, seconds=_HANG_SECONDS)
            return None
        fault = self.faults.find_fault(request)
        if fault == FaultKind.DROP:
            return None
        answer = (
            HttpAnswer(status=503)
            if fault == FaultKind.UNAVAILABLE
            else self._find_answer(method, target, headers, body)
        )
        if target.partition("/")[0].endswith(_AWS):
            self.requests.append(GuestRequest(action=action, body=body.decode(errors="replace")))
        if fault == FaultKind.CORRUPT and answer.body:
            return HttpAnswer(status=answer.status, body=answer.body[:-1] + b"?", headers=answer.headers)
        return answer

    def _find_answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        host, _, path = target.partition("/")
        if host == METADATA_ADDRESS:
            return self.metadata.answer_request(method, f"/{path}", headers)
        if host == ARCHIVE_HOST:
            found = self.archive.read_file(path)
            return HttpAnswer(status=404) if found is None else HttpAnswer(status=200, body=found)
        if (self.downloads / host).is_dir():
            file = self.downloads / host / path.partition("?")[0]
            return HttpAnswer(status=200, body=file.read_bytes()) if file.is_file() else HttpAnswer(status=404)
        return self._ask_account(method, f"/{path}", headers, body) if host.endswith(_AWS) else HttpAnswer(status=404)

    def _ask_account(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        # The account finds the service, and a bucket, by the header Host.
        kept = {name: value for name, value in headers.items() if name.lower() not in _HOP_HEADERS}
        connection = http.client.HTTPConnection("127.0.0.1", self.account_port, timeout=_AWS_SECONDS)
        try:
            connection.request(method, path, body, kept)
            answer = connection.getresponse()
            # The answer to HEAD has the length of the absent body.
            dropped = _HOP_HEADERS - {"content-length"} if method == "HEAD" else _HOP_HEADERS
            returned = [(name, value) for name, value in answer.getheaders() if name.lower() not in dropped]
            return HttpAnswer(status=answer.status, body=answer.read(), headers=returned)
        finally:
            connection.close()

    def _serve_names(self, names: socket.socket) -> None:
        with suppress(OSError):  # closed at the end
            while True:
                query, guest = names.recvfrom(1500)
                exists = self.faults.find_fault(asked_name(query)) != FaultKind.NO_NAME
                names.sendto(answer_query(query, exists=exists), guest)


def aws_action(headers: Mapping[str, str], body: bytes) -> str:
    """Return the action of a request to AWS, or "" if it has none, as in S3."""
    if target := headers.get("X-Amz-Target"):
        return target.rpartition(".")[2]
    named = re.match(rb"(?:.*&)?Action=(\w+)", body)
    return named[1].decode() if named else ""


class _GuestServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, opened: socket.socket, gateway: Gateway) -> None:
        super().__init__(opened.getsockname(), _handler_class(gateway.answer_request), bind_and_activate=False)
        self.socket.close()
        self.socket = opened

    def handle_error(self, *_: object) -> None:
        """Ignore a guest that closes its connection, as reboots do."""


def _handler_class(answer_request: Callable[..., HttpAnswer | None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Log nothing."""

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            host = self.headers.get("Host", "").partition(":")[0]
            answer = answer_request(self.command, host + self.path, self.headers, body)
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 — the base class calls them by these names

    return Handler
