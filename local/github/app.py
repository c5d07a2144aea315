"""The web application: what happens to every request before and after its route."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from functools import partial
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from local.github import (
    accounts,
    branches,
    commits,
    contents,
    control,
    environments,
    faults,
    permissions,
    protection,
    pulls,
    refs,
    repositories,
    rulesets,
    secrets,
    service,
    variables,
)
from local.github.calls import Call, Fields
from local.github.records import FaultName
from local.github.responses import DOCS, Answer, ApiError, not_found
from local.github.routing import NO_BODY, Route
from local.github.tokens import DEFAULT_SCOPES, Token, from_header
from local.github.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from local.github.records import State
    from local.github.state import Store

LOGGER = logging.getLogger(__name__)
PREFIX: Final = "/api/v3"
"""Where GitHub's Enterprise Server has its API; clients of any other host than GitHub's own look there."""

ROUTES: Final[tuple[Route, ...]] = tuple(
    chain(
        accounts.routes,
        service.routes,
        repositories.routes,
        commits.routes,
        contents.routes,
        refs.routes,
        branches.routes,
        protection.routes,
        variables.routes,
        secrets.routes,
        environments.routes,
        permissions.routes,
        pulls.routes,
        rulesets.routes,
    ),
)
_BY_NAME: Final[Mapping[str, Route]] = {route.name: route for route in ROUTES}
_LOOPBACK = {"127.0.0.1", "localhost"}
_DEFAULT_VERSION = "2022-11-28"


class StandIn:
    """The stand-in's answers to one store."""

    def __init__(self, store: Store, *, scopes: tuple[str, ...], validate: bool) -> None:
        """Serve `store`; see `create_app`."""
        self.store = store
        self.traffic = Traffic()
        self._scopes = scopes
        self._validate = validate

    def admit(self) -> None:
        """Refuse a request without a token, or one that a fault hits; be late where a fault says so.

        Raises:
            ApiError: The request is refused.
        """
        g.request_id = ":".join(os.urandom(size).hex().upper() for size in (2, 3, 4, 4, 4))
        if request.host.partition(":")[0] not in _LOOPBACK:
            # A web page that has bound its own name to this machine must not reach the stand-in.
            raise ApiError(HTTPStatus.FORBIDDEN, "The stand-in serves this machine only", docs=DOCS)
        if request.path.startswith("/_control/"):
            return
        token = from_header(request.headers.get("Authorization"), self._scopes)
        if token is None:
            raise ApiError(HTTPStatus.UNAUTHORIZED, "Requires authentication")
        g.token = token
        late, refusal = self._faults()
        time.sleep(late)
        if refusal is not None:
            raise refusal

    def _faults(self) -> tuple[float, ApiError | None]:
        """Count the request, and find out what the faults do to it."""
        refusal = None
        with self.store.lock:
            self.traffic.count()
            state = self.store.state
            before = dict(state.faults)
            faults.drop_expired(state)
            g.rate_headers = self.traffic.headers()
            if reached := faults.take(state, FaultName.RATE_LIMIT_REACHED, request.path):
                g.rate_headers |= faults.used_up(reached)
            late = faults.delay(state, request.path)
            try:
                faults.raise_refusals(state, request.path, g.request_id)
            except ApiError as error:
                refusal = error
            if state.faults != before:
                self.store.save()
        return late, refusal

    def answer(self, route: Route, parts: dict[str, str | int]) -> Response:
        """Answer by a route, and store what it changed."""
        with self.store.lock:
            state = self.store.state
            before = dict(state.faults)
            try:
                _check_repository(state, parts)
                answer = route.view(self._call(state, g.token), **parts)
            except ApiError:
                if state.faults != before:
                    self.store.save()
                raise
            if request.method not in {"GET", "HEAD"}:
                self.store.save()
        if self._validate:
            _check_schema(route, answer)
        return _respond(answer)

    def _call(self, state: State, token: Token) -> Call:
        return Call(
            state=state,
            token=token,
            fields=Fields(_body()),
            query=request.args.to_dict(),
            root=request.url_root.rstrip("/"),
            path=request.path,
            rate=self.traffic.rate(),
        )

    def finish(self, response: Response) -> Response:
        """Add GitHub's headers, and write the log's line: never a body, a header or a query."""
        token: Token | None = g.get("token")
        if token is not None:
            for name, value in g.rate_headers.items():
                response.headers.setdefault(name, value)
            if token.is_classic:
                response.headers["X-OAuth-Scopes"] = ", ".join(token.scopes)
                response.headers["X-Accepted-OAuth-Scopes"] = "repo"
        response.headers["X-GitHub-Request-Id"] = g.request_id
        response.headers["X-GitHub-Media-Type"] = "github.v3; format=json"
        version = request.headers.get("X-GitHub-Api-Version", _DEFAULT_VERSION)
        response.headers["X-GitHub-Api-Version-Selected"] = version
        unknown = "" if request.url_rule else " (not served by the stand-in)"
        LOGGER.info("%s %s %d%s", request.method, quote(request.path), response.status_code, unknown)
        return response


def _check_repository(state: State, parts: dict[str, str | int]) -> None:
    """Take the repository out of a path's parts; there is only one.

    Raises:
        ApiError: It is another one.
    """
    wanted = {
        "owner": state.owner.login.lower(),
        "repository": state.repository.name.lower(),
        "repository_id": str(state.repository.id),
    }
    for name, value in wanted.items():
        if str(parts.pop(name, value)).lower() != value:
            raise not_found()


def _body() -> dict[str, object]:
    # GitHub reads every body as JSON, whatever its content type says.
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


def _check_schema(route: Route, answer: Answer) -> None:
    from local.github import schemas  # noqa: PLC0415 (a development dependency, and slow)

    if answer.status is HTTPStatus.NO_CONTENT:
        return
    if route.model == NO_BODY:
        raise schemas.SchemaError(f"{route.name} is marked as having no body")
    schemas.check(route.model, json.loads(json.dumps(answer.body)))


def _respond(answer: Answer) -> Response:
    """Make the response, or say that the client has it already."""
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


def _refuse(error: ApiError) -> Response:
    route = _BY_NAME.get(request.endpoint or "")
    return _respond(error.answer(route.docs if route else DOCS))


def _unserved(error: HTTPException) -> Response:
    """Answer as GitHub does for a path, or for a method on it, that does not exist."""
    if error.code in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
        return _refuse(not_found())
    return _refuse(ApiError(HTTPStatus(error.code or HTTPStatus.BAD_REQUEST), error.description or error.name))


class _Prefixed(Flask):
    """An application that is the same with and without the prefix."""

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Move the prefix from the path to the place where the application is."""
        path: str = environ["PATH_INFO"]
        if path.startswith(f"{PREFIX}/"):
            environ["SCRIPT_NAME"] = PREFIX
            environ["PATH_INFO"] = path.removeprefix(PREFIX)
        return super().wsgi_app(environ, start_response)


def create_app(
    store: Store,
    *,
    scopes: tuple[str, ...] = DEFAULT_SCOPES,
    validate: bool = False,
) -> Flask:
    """Make the web application.

    Args:
        store: What it serves.
        scopes: The scopes that classic tokens have.
        validate: Check every answer by GitHub's schema, and fail with 500 where it does not fit.
    """
    stand_in = StandIn(store, scopes=scopes, validate=validate)
    app = _Prefixed(__name__, static_folder=None)
    app.url_map.merge_slashes = False
    app.before_request(stand_in.admit)
    app.after_request(stand_in.finish)
    app.register_error_handler(ApiError, _refuse)
    app.register_error_handler(HTTPException, _unserved)
    for route in ROUTES:
        app.add_url_rule(route.rule, route.name, partial(_view, stand_in, route), methods=[route.method])
    app.register_blueprint(control.blueprint(store, stand_in.traffic))
    return app


def _view(stand_in: StandIn, route: Route, **parts: str | int) -> Response:
    return stand_in.answer(route, dict(parts))
