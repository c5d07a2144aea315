"""Run the stand-in: `python -m local.github --port N --state FILE --owner O --repository R`."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from werkzeug.serving import WSGIRequestHandler, make_server

from local.github.app import create_app
from local.github.state import StateError, StateStore, lock_state_file
from local.latency import with_latency

if TYPE_CHECKING:
    from collections.abc import Sequence

SERVER_LOGGER = logging.getLogger("local.github")
LISTEN_HOST = "127.0.0.1"
"""The only address to listen on, as any client that reaches the stand-in has full access."""


class _QuietHandler(WSGIRequestHandler):
    """A request handler without a log; the application logs requests and omits secrets."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


def _argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.github", description="A stand-in for GitHub's API.")
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--state", type=Path, required=True, help="JSON file that holds everything")
    parser.add_argument("--owner", required=True, help="login of the repository's owner")
    parser.add_argument("--repository", required=True, help="name of the one repository")
    return parser


def _exit_on_signal(_signal: int, _frame: object) -> NoReturn:
    # There is nothing to save: every change is in the file before its response is sent.
    sys.exit(0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal stops the process.

    Returns:
        The exit status.
    """
    options = _argument_parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    signal.signal(signal.SIGTERM, _exit_on_signal)
    signal.signal(signal.SIGINT, _exit_on_signal)
    try:
        with lock_state_file(options.state):
            store = StateStore.open_file(options.state, owner=options.owner, repository=options.repository)
            app = with_latency(create_app(store))
            server = make_server(LISTEN_HOST, options.port, app, threaded=True, request_handler=_QuietHandler)
            SERVER_LOGGER.info("http://%s:%d serves %s/%s", LISTEN_HOST, server.port, options.owner, options.repository)
            server.serve_forever()
    except (StateError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
