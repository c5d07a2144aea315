"""Faults of AWS's APIs: requests that are throttled, that fail, or whose answer is lost after they were executed."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING, Literal, get_args

from waitress.channel import ClientDisconnected
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request

from local.aws.actions import called_operation
from local.aws.conditions import ACCOUNT_CONDITIONS
from local.aws.iam.refusals import refuse_request, request_protocol
from local.control_api import CONTROL_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from local.aws.journal import RecordedAnswer

FaultKind = Literal["throttled", "failed", "lost"]
"""`lost`: the request is executed, and the connection closes before its answer."""

_THROTTLED: Mapping[str, tuple[str, str]] = {
    "dynamodb": ("ThrottlingException", "400 Bad Request"),
    "ec2": ("RequestLimitExceeded", "503 Service Unavailable"),
    "lambda": ("TooManyRequestsException", "429 Too Many Requests"),
    "s3": ("SlowDown", "503 Slow Down"),
    "sns": ("Throttled", "429 Too Many Requests"),
}
"""Error code and status by service; others by protocol."""

_THROTTLED_BY_PROTOCOL = {
    "json": ("ThrottlingException", "400 Bad Request"),
    "query": ("Throttling", "400 Bad Request"),
}
"""https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html"""

_FAILED_BY_PROTOCOL = {
    "ec2": ("InternalError", "500 Internal Server Error"),
    "json": ("InternalServerError", "500 Internal Server Error"),
    "query": ("InternalFailure", "500 Internal Server Error"),
    "s3": ("InternalError", "500 Internal Server Error"),
}
_TOKENS = (b"ClientToken", b"clientToken", b"ClientRequestToken", b"clientRequestToken")
"""Parameters by which a service recognizes a repeated request."""


def with_faults(app: WSGIApplication) -> WSGIApplication:
    """Let a share of the requests to `app` fail, as the account's conditions say."""

    def serve_with_faults(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        conditions = ACCOUNT_CONDITIONS.current
        is_faulty = conditions.fault_share or conditions.request_limits
        if not is_faulty or environ["PATH_INFO"].startswith(CONTROL_PREFIX):
            return app(environ, start_response)
        body = Request(environ).get_data()
        environ["wsgi.input"] = io.BytesIO(body)
        request = Request({**environ, "wsgi.input": io.BytesIO(body)})
        kind = "throttled" if _exceeds_limit(request) else _draw_fault(request)
        if kind is None:
            return app(environ, start_response)
        ACCOUNT_CONDITIONS.faults[kind] += 1
        if kind == "lost":
            run_wsgi_app(app, environ, buffered=True)
            # waitress closes the connection without an answer.
            raise ClientDisconnected
        answer = _answer_fault(request, kind)
        start_response(answer.status, answer.headers)
        return [answer.body]

    return serve_with_faults


def keeps_answer(request: Request) -> bool:
    """Return whether the account recognizes a repeated request: with faults, only by a token, as on AWS."""
    return not ACCOUNT_CONDITIONS.current.fault_share or any(token in request.get_data() for token in _TOKENS)


def _exceeds_limit(request: Request) -> bool:
    """Return whether EC2's limits refuse a request; it takes a token if they do not."""
    called = called_operation(request) if ACCOUNT_CONDITIONS.current.request_limits else None
    if called is None or called.service != "ec2":
        return False
    body = request.get_data()
    is_selective = b"Filter." in body or b"MaxResults=" in body
    return not ACCOUNT_CONDITIONS.buckets.take_token(called.name, is_selective=is_selective)


def _draw_fault(request: Request) -> FaultKind | None:
    """Return the fault of a request, or None; the same for the n-th call of an operation with the same seed."""
    called = called_operation(request)
    operation = f"{called.service}:{called.name}" if called else request.path
    conditions = ACCOUNT_CONDITIONS.current
    number = ACCOUNT_CONDITIONS.count_call(operation)
    drawn = random.Random(f"{conditions.seed} {operation} {number}")  # noqa: S311 — not for secrets
    return drawn.choice(get_args(FaultKind)) if drawn.random() < conditions.fault_share else None


def _answer_fault(request: Request, kind: FaultKind) -> RecordedAnswer:
    called = called_operation(request)
    service = called.service if called else ""
    protocol = request_protocol(request, service)
    if kind == "throttled":
        code, status = _THROTTLED.get(service) or _THROTTLED_BY_PROTOCOL[protocol]
        return refuse_request(request, protocol, code, "Rate exceeded", status=status)
    code, status = _FAILED_BY_PROTOCOL[protocol]
    return refuse_request(request, protocol, code, "An internal error has occurred", status=status)
