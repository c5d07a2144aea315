"""Handling of every request before and after its route."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from flask import Response, g, request

from local.github import faults
from local.github.calls import ApiCall, BodyFields
from local.github.job_tokens import DISCOVERY_PATH
from local.github.records import FaultName
from local.github.responses import ApiAnswer, ApiError, not_found_error
from local.github.tokens import CLASSIC_SCOPES, Token, read_token

if TYPE_CHECKING:
    from werkzeug.exceptions import HTTPException

    from local.github.records import ServiceState
    from local.github.routing import Route
    from local.github.state import StateStore

REQUEST_LOGGER = logging.getLogger(__name__)
_LOOPBACK = {"127.0.0.1", "localhost"}
_DEFAULT_VERSION = "2022-11-28"


class StandIn:
    """Serves the routes of the stand-in from one store."""

    def __init__(self, store: StateStore) -> None:
        """Serve `store`."""
        self.store = store

    def admit_request(self) -> None:
        """Refuse a request without a token or with a refusing fault; delay it if a fault requires.

        Raises:
            ApiError: The request is refused.
        """
        g.request_id = ":".join(os.urandom(size).hex().upper() for size in (2, 3, 4, 4, 4))
        if request.host.partition(":")[0] not in _LOOPBACK:
            # Prevent DNS rebinding: a web page whose host name resolves to loopback must not reach the stand-in.
            raise ApiError(HTTPStatus.FORBIDDEN, "The stand-in serves this machine only")
        if request.path.startswith(("/_control/", f"{DISCOVERY_PATH}/")):
            return
        token = read_token(request.headers.get("Authorization"))
        if token is None:
            raise ApiError(HTTPStatus.UNAUTHORIZED, "Requires authentication")
        g.token = token
        late, refusal = self._apply_faults()
        time.sleep(late)
        if refusal is not None:
            raise refusal

    def _apply_faults(self) -> tuple[float, ApiError | None]:
        """Apply the faults; return the delay in seconds, and the refusal or None."""
        refusal = None
        with self.store.lock:
            state = self.store.state
            before = dict(state.faults)
            faults.drop_expired(state)
            hidden = "workflow" if FaultName.MISSING_WORKFLOW_SCOPE in state.faults else None
            g.scopes = [scope for scope in CLASSIC_SCOPES if scope != hidden]
            reached = faults.take_fault(state, FaultName.RATE_LIMIT_REACHED, request.path)
            g.rate_headers = faults.rate_limit_headers(reached)
            late = faults.fault_delay_seconds(state, request.path)
            try:
                faults.raise_refusals(state, request.path, g.request_id)
            except ApiError as error:
                refusal = error
            if state.faults != before:
                self.store.save_state()
        return late, refusal

    def answer_route(self, route: Route, parts: dict[str, str | int]) -> Response:
        """Call a route, and save the changed state."""
        # Read the body before taking the lock, so that a slow client does not block others.
        fields = BodyFields(_read_body())
        with self.store.lock:
            state = self.store.state
            before = dict(state.faults)
            try:
                _check_repository(state, parts)
                answer = route.view(self._make_call(state, fields), **parts)
            except ApiError:
                if state.faults != before:
                    self.store.save_state()
                raise
            if request.method not in {"GET", "HEAD"}:
                self.store.save_state()
        return _make_response(answer)

    def _make_call(self, state: ServiceState, fields: BodyFields) -> ApiCall:
        return ApiCall(
            state=state,
            token=g.token,
            fields=fields,
            query=request.args.to_dict(),
            root=request.url_root.rstrip("/"),
            path=request.path,
        )

    def finish_response(self, response: Response) -> Response:
        """Add GitHub's headers, and log the request without its body, headers and query."""
        token: Token | None = g.get("token")
        if token is not None:
            for name, value in g.rate_headers.items():
                response.headers.setdefault(name, value)
            if token.is_classic:
                response.headers["X-OAuth-Scopes"] = ", ".join(g.scopes)
                response.headers["X-Accepted-OAuth-Scopes"] = "repo"
        response.headers["X-GitHub-Request-Id"] = g.request_id
        response.headers["X-GitHub-Media-Type"] = "github.v3; format=json"
        version = request.headers.get("X-GitHub-Api-Version", _DEFAULT_VERSION)
        response.headers["X-GitHub-Api-Version-Selected"] = version
        unknown = "" if request.url_rule else " (not served by the stand-in)"
        REQUEST_LOGGER.info("%s %s %d%s", request.method, quote(request.path), response.status_code, unknown)
        return response


def _check_repository(state: ServiceState, parts: dict[str, str | int]) -> None:
    """Remove the repository from a path's parts, as there is only one.

    Raises:
        ApiError: The path names another repository.
    """
    wanted = {
        "owner": state.owner.login.lower(),
        "repository": state.repository.name.lower(),
        "repository_id": str(state.repository.id),
    }
    for name, value in wanted.items():
        if str(parts.pop(name, value)).lower() != value:
            raise not_found_error()


def _read_body() -> dict[str, object]:
    # GitHub parses every body as JSON, whatever its content type.
    text = request.get_data()
    if not text:
        return {}
    try:
        body = json.loads(text)
    except ValueError as error:
        raise ApiError(HTTPStatus.BAD_REQUEST, "Problems parsing JSON") from error
    if not isinstance(body, dict):
        raise ApiError(HTTPStatus.BAD_REQUEST, "Body should be a JSON object")
    return body


def _make_response(answer: ApiAnswer) -> Response:
    """Create the response; answer 304 if the client already has it."""
    if answer.body is None:
        return Response(status=answer.status, headers=answer.headers)
    text = json.dumps(answer.body, separators=(",", ":"))
    response = Response(
        text,
        status=answer.status,
        headers=answer.headers,
        content_type="application/json; charset=utf-8",
    )
    if answer.status in {HTTPStatus.OK, HTTPStatus.CREATED}:
        response.set_etag(hashlib.sha256(text.encode()).hexdigest(), weak=True)
    if request.method in {"GET", "HEAD"} and answer.status is HTTPStatus.OK:
        response.headers["Cache-Control"] = "private, max-age=60, s-maxage=60"
        response.make_conditional(request)
    return response


def refuse_request(error: ApiError) -> Response:
    """Create the response for a refusal."""
    return _make_response(error.to_answer())


def refuse_unserved(error: HTTPException) -> Response:
    """Answer 404 to an unknown path or method, as GitHub does; describe any other failure."""
    if error.code in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
        return refuse_request(not_found_error())
    cause = getattr(error, "original_exception", None)
    problem = f"The stand-in failed: {cause}" if cause else error.description or error.name
    return refuse_request(ApiError(HTTPStatus(error.code or HTTPStatus.BAD_REQUEST), problem))
