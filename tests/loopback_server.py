"""Serves a test's WSGI application on loopback."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from werkzeug.serving import WSGIRequestHandler, make_server

from local.servers import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.types import WSGIApplication


class KeepAliveHandler(WSGIRequestHandler):
    """Answer several requests on one connection, as GitHub and AWS do."""

    protocol_version = "HTTP/1.1"

    def log_request(self, *_: object) -> None:
        """Write nothing."""


@contextmanager
def serve_on_loopback(app: WSGIApplication) -> Iterator[str]:
    """Serve an application in threads of this process, and yield its URL."""
    server = make_server(LOOPBACK, 0, app, threaded=True, request_handler=KeepAliveHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
