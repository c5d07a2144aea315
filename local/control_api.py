"""Serves the control API of the emulators, below `/_control/`, which AWS and GitHub do not have."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

CONTROL_PREFIX = "/_control/"


def with_control(app: WSGIApplication, path: str, answer: Callable[[Request], Response]) -> WSGIApplication:
    """Answer requests to one path of the control API, and forward all others to `app`."""

    def serve_control(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != path:
            return app(environ, start_response)
        return answer(Request(environ))(environ, start_response)

    return serve_control


def answer_json(content: Any, *, status: int = 200) -> Response:
    """Return a response with JSON."""
    return Response(json.dumps(content), status=status, mimetype="application/json")
