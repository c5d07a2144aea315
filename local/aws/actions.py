"""Which rights the calls of a run need: what the rights of a role are compared with.

This layer in front of moto names the operation of each request, by AWS's own descriptions of its services, which
botocore brings; `names.py` knows what IAM calls it.
"""

from __future__ import annotations

import io
import json
import re
import threading
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import botocore.session
from werkzeug.wrappers import Request

from local.aws.names import iam_actions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ACTIONS_PATH = "/_control/actions"

_CREDENTIAL = re.compile(r"Credential=[^/]+/[0-9]{8}/[^/]+/([^/]+)/aws4_request")
_CBOR = re.compile(r"/service/[^/]+/operation/(\w+)")
_PLACES = ("querystring", "header")
_FORM_TYPE = "application/x-www-form-urlencoded"
_UNSIGNED_OPERATIONS = {"AssumeRoleWithWebIdentity": "sts"}
"""Services of the operations that nobody signs."""

_HOST = re.compile(r"^https?://[^/]+")
_S3_CONTROL = "/v20180820/"
"""How paths of S3's control API begin, whose requests are signed as S3's."""


class ActionRecorder:
    """A WSGI application around another that remembers which IAM actions its requests need.

    `GET /_control/actions` answers all since the last `DELETE`, sorted. An operation that cannot be named is answered
    as `service:METHOD /path`, which no role allows.
    """

    def __init__(self, app: WSGIApplication) -> None:
        """Wrap `app`."""
        self._app = app
        self._lock = threading.Lock()
        self._seen: set[str] = set()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        if environ["PATH_INFO"] == ACTIONS_PATH:
            return self._serve_control(environ, start_response)
        called = needed_actions(Request(environ))
        with self._lock:
            self._seen.update(called)
        return self._app(environ, start_response)

    def _serve_control(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            if environ["REQUEST_METHOD"] == "DELETE":
                self._seen.clear()
            answer = json.dumps(sorted(self._seen)).encode()
        start_response("200 OK", [("Content-Type", "application/json")])
        return [answer]


@dataclass(frozen=True, kw_only=True)
class CalledOperation:
    """The operation that a request calls.

    Attributes:
        service: The name that requests of the service are signed by.
        name: The operation, as AWS's API reference names it; "" of one that is unknown.
        path_values: What the path says, by the names of AWS's description.
        actions: The IAM actions that it needs. One that is unknown needs what no role allows.
    """

    service: str
    name: str
    path_values: Mapping[str, str]
    actions: tuple[str, ...]


def called_operation(request: Request) -> CalledOperation | None:
    """Return the operation of a request to AWS, or None where nobody signed it who must; its body can be read again."""
    signed = _CREDENTIAL.search(request.headers.get("Authorization", ""))
    named = _named_operation(request)
    service = signed[1] if signed else _UNSIGNED_OPERATIONS.get(named or "")
    if service is None:
        return None
    address = _NO_OPERATION if named else _addressed_operation(service, request)
    name = named or address.operation
    return CalledOperation(
        service=service,
        name=name or "",
        path_values=address.read_path(request),
        actions=iam_actions(service, name) if name else (f"{service}:{request.method} {request.path}",),
    )


def needed_actions(request: Request) -> tuple[str, ...]:
    """Return the IAM actions that a signed request to AWS needs; its body can be read again afterwards."""
    called = called_operation(request)
    return called.actions if called else ()


def _named_operation(request: Request) -> str | None:
    """Return the operation where the protocol names it: AWS JSON, query and CBOR."""
    if target := request.headers.get("X-Amz-Target"):
        return target.rpartition(".")[2]
    if cbor := _CBOR.fullmatch(request.path):
        return cbor[1]
    if request.mimetype == _FORM_TYPE:
        body = request.get_data()
        request.environ["wsgi.input"] = io.BytesIO(body)
        return parse_qs(body.decode(errors="replace")).get("Action", [None])[0]
    return None


def _addressed_operation(service: str, request: Request) -> _OperationAddress:
    """Return the address of a REST request's operation: the one that fits and asks for most."""
    model = "s3control" if service == "s3" and request.path.startswith(_S3_CONTROL) else service
    fitting = (address for address in _operation_addresses(model) if address.matches_request(request))
    return max(fitting, key=_OperationAddress.match_rank, default=_NO_OPERATION)


def _raw_path(request: Request) -> str:
    """Return the path as it was sent: a slash within a name, such as an ARN's, is none between names.

    Who takes this account for a proxy sends whole addresses: S3 Control's host names do not exist on loopback.
    """
    sent: str = request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI") or request.path
    return _HOST.sub("", sent.partition("?")[0])


@dataclass(frozen=True, kw_only=True)
class _OperationAddress:
    """Where an operation of a REST service is called.

    Attributes:
        operation: Its name, or None of no operation.
        method: The HTTP method.
        path: What the path matches.
        query: Parameters that it must have; "" is any value.
        headers: Headers that it must have.
        fixed: How many characters of the path are its own.
    """

    operation: str | None
    method: str
    path: re.Pattern[str]
    query: Mapping[str, str]
    headers: frozenset[str]
    fixed: int

    def matches_request(self, request: Request) -> bool:
        """Return whether a request may be meant for the operation."""
        return (
            self.method == request.method
            and self.path.fullmatch(_raw_path(request)) is not None
            and all(name in request.args and value in ("", request.args[name]) for name, value in self.query.items())
            and all(name in request.headers for name in self.headers)
        )

    def read_path(self, request: Request) -> dict[str, str]:
        """Return what a request's path says."""
        found = self.path.fullmatch(_raw_path(request))
        return {name: unquote(value) for name, value in found.groupdict().items()} if found else {}

    def match_rank(self) -> tuple[int, int]:
        """Rank it among those that fit: the one that asks for most is meant."""
        return len(self.query) + len(self.headers), self.fixed


_NO_OPERATION = _OperationAddress(
    operation=None, method="", path=re.compile(""), query={}, headers=frozenset(), fixed=0
)


@cache
def _operation_addresses(service: str) -> tuple[_OperationAddress, ...]:
    session = botocore.session.get_session()
    if service not in session.get_available_services():
        return ()
    model = session.get_service_model(service)
    operations = map(model.operation_model, model.operation_names)
    # S3 calls the older forms of some by the same address.
    return tuple(_operation_address(operation) for operation in operations if not operation.deprecated)


def _operation_address(operation: Any) -> _OperationAddress:  # botocore has no types
    parts = urlsplit(operation.http["requestUri"])
    path = re.sub(r"\\\{(\w+)\\\+\\\}", r"(?P<\1>.+)", re.escape(parts.path))
    path = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", path)
    shape = operation.input_shape
    members = [shape.members[name].serialization for name in shape.required_members] if shape else []
    required = {place: {of["name"] for of in members if of.get("location") == place} for place in _PLACES}
    fixed = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
    return _OperationAddress(
        operation=operation.name,
        method=operation.http["method"],
        path=re.compile(f"{path}/?"),
        query=dict.fromkeys(required["querystring"], "") | fixed,
        headers=frozenset(required["header"]),
        fixed=len(re.sub(r"\{[^}]*\}", "", parts.path)),
    )
