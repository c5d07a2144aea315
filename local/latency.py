"""Delays the answers of an emulator, as the distance to the real service would.

`PUT /_control/latency` with `{"seconds": 0.1}` sets the delay of each later answer, until the emulator ends.
"""

from __future__ import annotations

import json
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfs.loopback import open_loopback

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

CONTROL_PREFIX = "/_control/"
LATENCY_PATH = f"{CONTROL_PREFIX}latency"
LONGEST_SECONDS = 5.0
"""The longest delay that can be set; clients give up on slower services."""

_ANSWER_SECONDS = 10.0


@dataclass
class _Delay:
    seconds: float = 0.0


def with_latency(app: WSGIApplication) -> WSGIApplication:
    """Serve `/_control/latency`, and forward all other requests to `app` after the delay."""
    delay = _Delay()

    def delay_answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == LATENCY_PATH and environ["REQUEST_METHOD"] == "PUT":
            given = _read_seconds(environ)
            if given is None:
                return _write_answer(
                    start_response, "400 Bad Request", f"seconds must be from 0 to {LONGEST_SECONDS:g}"
                )
            delay.seconds = given
            return _write_answer(start_response, "200 OK", f"each answer waits {given:g} s")
        if not environ["PATH_INFO"].startswith(CONTROL_PREFIX):
            time.sleep(delay.seconds)
        return app(environ, start_response)

    return delay_answer


def set_latency(emulator_url: str, seconds: float) -> None:
    """Set the delay of an emulator's answers.

    Raises:
        OSError: The emulator does not answer, or refuses the value.
    """
    body = json.dumps({"seconds": seconds}).encode()
    request = urllib.request.Request(f"{emulator_url}{LATENCY_PATH}", data=body, method="PUT")
    open_loopback(request, timeout=_ANSWER_SECONDS).close()


def _read_seconds(environ: WSGIEnvironment) -> float | None:
    """Return the requested delay, or None if it is not allowed."""
    try:
        seconds = float(json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))["seconds"])
    except (ValueError, KeyError, TypeError):
        return None
    return seconds if 0 <= seconds <= LONGEST_SECONDS else None


def _write_answer(start_response: StartResponse, status: str, text: str) -> list[bytes]:
    start_response(status, [("Content-Type", "text/plain")])
    return [f"{text}\n".encode()]
