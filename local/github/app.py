"""The web application."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.exceptions import HTTPException

from local.github import control
from local.github.job_tokens import job_token_blueprint
from local.github.lifecycle import StandIn, refuse_request, refuse_unserved
from local.github.responses import ApiError
from local.github.routes import ALL_ROUTES
from local.github.routing import API_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from flask import Response

    from local.github.routing import Route
    from local.github.state import StateStore


class _PrefixedFlask(Flask):
    """An application that serves the same paths with and without the API prefix."""

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Move the prefix from the path to the application's mount point."""
        path: str = environ["PATH_INFO"]
        if path.startswith(f"{API_PREFIX}/"):
            environ["SCRIPT_NAME"] = API_PREFIX
            environ["PATH_INFO"] = path.removeprefix(API_PREFIX)
        return super().wsgi_app(environ, start_response)


def create_app(store: StateStore) -> Flask:
    """Create the web application that serves a store."""
    stand_in = StandIn(store)
    app = _PrefixedFlask(__name__, static_folder=None)
    app.url_map.merge_slashes = False
    app.before_request(stand_in.admit_request)
    app.after_request(stand_in.finish_response)
    app.register_error_handler(ApiError, refuse_request)
    app.register_error_handler(HTTPException, refuse_unserved)
    for route in ALL_ROUTES:
        app.add_url_rule(route.rule, route.route_name, partial(_answer_route, stand_in, route), methods=[route.method])
    app.register_blueprint(control.control_blueprint(store))
    app.register_blueprint(job_token_blueprint(store))
    return app


def _answer_route(stand_in: StandIn, route: Route, **parts: str | int) -> Response:
    return stand_in.answer_route(route, dict(parts))
