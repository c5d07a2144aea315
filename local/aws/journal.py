"""Preserves the emulated account across restarts, by a journal of the requests that changed it.

moto keeps its account in memory. Every changing request is recorded before it is executed, and moto's random
numbers, from which it generates IDs, are seeded with the request's number; so a replay produces the same account.
A restart, or a kill of the server at any moment, loses nothing.

The journal also records each request's time, to which the account's clock is set during the replay.
"""

from __future__ import annotations

import base64
import io
import json
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from moto.core.base_backend import BackendDict
from moto.moto_api._internal import mock_random
from werkzeug.test import EnvironBuilder, run_wsgi_app
from werkzeug.wrappers import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from local.aws.clock import AccountClock

_ANSWERS_KEPT = 1000

_READING_VERBS = ("Describe", "Get", "List", "Head", "Lookup", "Search", "Simulate", "BatchGet")
_KEPT_HEADERS = ("Authorization", "Content-Type", "X-Amz-Target", "X-Amz-Tagging", "X-Amz-Acl", "X-Amz-Date")


def changes_account(request: Request) -> bool:
    """Return whether a request may change the account, by its operation's verb or else its HTTP method."""
    operation = _operation_name(request)
    if operation is not None:
        return not operation.startswith(_READING_VERBS)
    return request.method not in ("GET", "HEAD", "OPTIONS")


def _operation_name(request: Request) -> str | None:
    """Return the operation's name if the protocol has one (AWS JSON and query, not REST)."""
    target = request.headers.get("X-Amz-Target")
    if target:
        return target.rpartition(".")[2]
    if request.mimetype == "application/x-www-form-urlencoded":
        action = parse_qs(request.get_data(as_text=True)).get("Action")
        return action[0] if action else None
    return None


def _services_in_use() -> int:
    return sum(len(list(service.iter_backends())) for service in BackendDict._instances)  # noqa: SLF001 — no other list


@dataclass(frozen=True, kw_only=True)
class RecordedAnswer:
    """The application's response to a request."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


class Journal:
    """WSGI middleware around moto that records requests that change the account.

    Attributes:
        path: The journal's file. A copy of this process may continue in a copy of the file.
        keeps_answer: Returns whether a client that repeats a request gets the first answer again.
    """

    def __init__(
        self,
        app: WSGIApplication,
        path: Path,
        *,
        clock: AccountClock,
        next_due_request: Callable[[], Request | None] = lambda: None,
        admit: Callable[[Request], RecordedAnswer | None] = lambda _: None,
    ) -> None:
        """Wrap `app`, and replay the requests of earlier runs from `path`.

        Args:
            app: moto's application.
            path: The journal's file.
            clock: The account's clock.
            next_due_request: Returns an internal request to serve before the next one, or None.
            admit: Returns the refusal of a request, or None to admit it. Refused requests are neither executed nor
                recorded. Replayed requests are not checked again.
        """
        self._app = app
        self._clock = clock
        self._chores = next_due_request
        self._admit = admit
        self.keeps_answer: Callable[[Request], bool] = lambda _: True
        # One request at a time: the seed must belong to the request that uses it.
        self._lock = threading.Lock()
        self._count = 0
        self._answered: dict[str, RecordedAnswer] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._drop_torn_line(path)
        for line in path.read_text(encoding="utf-8").splitlines():
            self._replay_entry(json.loads(line))
        self.path = path

    @property
    def change_count(self) -> int:
        """The number of changing requests over all runs."""
        return self._count

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        body = Request(environ).get_data()
        environ["wsgi.input"] = io.BytesIO(body)
        # moto reads the raw path from this variable, which not every server sets.
        environ.setdefault("RAW_URI", environ.get("REQUEST_URI", ""))
        request = Request({**environ, "wsgi.input": io.BytesIO(body)})
        with self._lock:
            while (chore := self._chores()) is not None:
                self._serve_request(chore, chore.environ)
            answer = self._answered.get(request.headers.get("Amz-Sdk-Invocation-Id", ""))
            if answer is None:
                answer = self._admit(request) or self._serve_request(request, environ)
        start_response(answer.status, answer.headers)
        return [answer.body]

    def _serve_request(self, request: Request, environ: WSGIEnvironment) -> RecordedAnswer:
        entry = self._journal_entry(request)
        mock_random.seed(self._count + 1)
        if changes_account(request):
            self._append_entry(entry)
            answer = self._forward_request(environ)
            if self.keeps_answer(request):
                self._remember_answer(request.headers.get("Amz-Sdk-Invocation-Id"), answer)
            return answer
        services = _services_in_use()
        answer = self._forward_request(environ)
        if _services_in_use() != services:
            # The first request to a service creates its defaults (a default VPC), which also draws random numbers.
            self._append_entry(entry)
        return answer

    def _journal_entry(self, request: Request) -> dict[str, Any]:
        """Return the journal entry of a request."""
        return {
            "at": self._clock.machine_time().isoformat(),
            "method": request.method,
            "path": request.environ.get("RAW_URI", request.full_path),
            "host": request.host,
            "headers": {key: request.headers[key] for key in _KEPT_HEADERS if key in request.headers},
            "body": base64.b64encode(request.get_data()).decode(),
        }

    def _forward_request(self, environ: WSGIEnvironment) -> RecordedAnswer:
        try:
            body, status, headers = run_wsgi_app(self._app, environ, buffered=True)
        except NotImplementedError as error:
            # moto raises it before it changes anything. AWS's clients do not repeat a call after this status, and read
            # such a body whatever the protocol.
            return RecordedAnswer(
                status="501 Not Implemented",
                headers=[("Content-Type", "text/html")],
                body=f"<html>{error}</html>".encode(),
            )
        return RecordedAnswer(status=status, headers=list(headers), body=b"".join(body))

    def _remember_answer(self, invocation: str | None, answer: RecordedAnswer) -> None:
        """Store a response for a client that does not receive it and retries.

        AWS's clients give each call an ID, and retry a call whose connection breaks. Executing it twice would
        fail: a creation because the resource exists, a deletion because it does not.
        """
        if invocation is not None:
            self._answered[invocation] = answer
            while len(self._answered) > _ANSWERS_KEPT:
                self._answered.pop(next(iter(self._answered)))

    def _append_entry(self, entry: dict[str, Any]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(entry) + "\n")
        self._count += 1

    def _replay_entry(self, entry: dict[str, Any]) -> None:
        self._count += 1
        mock_random.seed(self._count)
        path, _, query = entry["path"].partition("?")
        builder = EnvironBuilder(
            method=entry["method"],
            path=path,
            query_string=query,
            base_url=f"http://{entry['host']}/",
            headers=entry["headers"],
            data=base64.b64decode(entry["body"]),
        )
        # Journals of earlier versions have no times.
        at = datetime.fromisoformat(entry["at"]) if "at" in entry else self._clock.machine_time()
        with self._clock.replaying_at(at):
            self._forward_request(builder.get_environ())

    @staticmethod
    def _drop_torn_line(path: Path) -> None:
        """Remove an incomplete last line, left by a killed server; its request was not executed."""
        path.touch()
        text = path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        # Another process may be reading a journal that is complete.
        if whole != text:
            path.write_bytes(whole)
