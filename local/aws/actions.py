"""Records the IAM actions that a run's calls need, to compare them with a role's rights.

This layer in front of moto determines the operation of each request from the service models in
botocore; `names.py` maps operations to IAM actions.
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

from werkzeug.wrappers import Request

from local.aws.names import iam_actions
from local.aws.service_models import model_session

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ACTIONS_PATH = "/_control/actions"

_CREDENTIAL = re.compile(r"Credential=[^/]+/[0-9]{8}/[^/]+/([^/]+)/aws4_request")
_CBOR = re.compile(r"/service/[^/]+/operation/(\w+)")
_PLACES = ("querystring", "header")
_FORM_TYPE = "application/x-www-form-urlencoded"
_UNSIGNED_OPERATIONS = {"AssumeRoleWithWebIdentity": "sts"}
"""Services of operations whose requests are not signed."""

_HOST = re.compile(r"^https?://[^/]+")
S3_CONTROL_PATH = "/v20180820/"
"""Path prefix of the S3 Control API, whose requests are signed for the service `s3`."""


class ActionRecorder:
    """WSGI middleware that records the IAM actions that requests need.

    `GET /_control/actions` returns the actions since the last `DELETE`, sorted. An unknown operation is listed
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
        service: The service's signing name.
        name: The operation's name in AWS's API reference; "" if unknown.
        path_values: Parameters in the path, by their names in AWS's service model.
        actions: The required IAM actions. An unknown operation requires one that no role allows.
    """

    service: str
    name: str
    path_values: Mapping[str, str]
    actions: tuple[str, ...]


def called_operation(request: Request) -> CalledOperation | None:
    """Return the operation of a request to AWS, or None if a required signature is missing.

    The request's body can be read again afterwards.
    """
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
    """Return the IAM actions that a request to AWS needs; its body can be read again afterwards."""
    called = called_operation(request)
    return called.actions if called else ()


def _named_operation(request: Request) -> str | None:
    """Return the operation's name if the protocol has it: AWS JSON, query and CBOR."""
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
    """Return the address of a REST request's operation: the most specific one that matches."""
    model = "s3control" if service == "s3" and request.path.startswith(S3_CONTROL_PATH) else service
    fitting = (address for address in _operation_addresses(model) if address.matches_request(request))
    return max(fitting, key=_OperationAddress.match_rank, default=_NO_OPERATION)


def _raw_path(request: Request) -> str:
    """Return the path as sent, in which an encoded slash within a name, for example an ARN, separates nothing.

    Clients that use this account as a proxy send whole URLs, because S3 Control's host names do not exist on loopback.
    """
    sent: str = request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI") or request.path
    return _HOST.sub("", sent.partition("?")[0])


@dataclass(frozen=True, kw_only=True)
class _OperationAddress:
    """The address of an operation of a REST service.

    Attributes:
        operation: The operation's name, or None for no operation.
        method: The HTTP method.
        path: The pattern of the path.
        query: Required query parameters; "" means any value.
        headers: Required headers.
        fixed: Number of literal characters in the path.
    """

    operation: str | None
    method: str
    path: re.Pattern[str]
    query: Mapping[str, str]
    headers: frozenset[str]
    fixed: int

    def matches_request(self, request: Request) -> bool:
        """Return whether a request matches the address."""
        return (
            self.method == request.method
            and self.path.fullmatch(_raw_path(request)) is not None
            and all(name in request.args and value in ("", request.args[name]) for name, value in self.query.items())
            and all(name in request.headers for name in self.headers)
        )

    def read_path(self, request: Request) -> dict[str, str]:
        """Return the parameters in a request's path."""
        found = self.path.fullmatch(_raw_path(request))
        return {name: unquote(value) for name, value in found.groupdict().items()} if found else {}

    def match_rank(self) -> tuple[int, int]:
        """Return the rank among matching addresses; the highest is the most specific."""
        return len(self.query) + len(self.headers), self.fixed


_NO_OPERATION = _OperationAddress(
    operation=None, method="", path=re.compile(""), query={}, headers=frozenset(), fixed=0
)


@cache
def _operation_addresses(service: str) -> tuple[_OperationAddress, ...]:
    session = model_session()
    if service not in session.get_available_services():
        return ()
    model = session.get_service_model(service)
    operations = map(model.operation_model, model.operation_names)
    # Deprecated versions of some S3 operations have the same address.
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
