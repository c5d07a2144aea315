"""Delays the answers of an emulator, as the distance to the real service would.

`PUT /_control/latency` with `{"seconds": 0.1}` sets the delay of each later answer, until the emulator ends.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from local.control_api import CONTROL_PREFIX, answer_json, with_control
from local.emulator_requests import send_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from werkzeug.wrappers import Request, Response

LATENCY_PATH = f"{CONTROL_PREFIX}latency"
LONGEST_SECONDS = 5.0
"""The longest delay that can be set; clients give up on slower services."""


def with_latency(app: WSGIApplication) -> WSGIApplication:
    """Serve `/_control/latency`, and forward all other requests to `app` after the delay."""
    delay = 0.0

    def set_delay(request: Request) -> Response:
        nonlocal delay
        try:
            seconds = float(json.loads(request.get_data())["seconds"])
        except (ValueError, KeyError, TypeError):
            seconds = -1
        if not 0 <= seconds <= LONGEST_SECONDS:
            return answer_json({"error": f"seconds must be from 0 to {LONGEST_SECONDS:g}"}, status=400)
        delay = seconds
        return answer_json({"seconds": delay})

    def delay_answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # Even a sleep of 0 seconds would hand the processor to another thread.
        if delay and not environ["PATH_INFO"].startswith(CONTROL_PREFIX):
            time.sleep(delay)
        return app(environ, start_response)

    return with_control(delay_answer, LATENCY_PATH, set_delay)


def set_latency(emulator_url: str, seconds: float) -> None:
    """Set the delay of an emulator's answers.

    Raises:
        OSError: The emulator does not answer, or refuses the value.
    """
    send_json(f"{emulator_url}{LATENCY_PATH}", "PUT", {"seconds": seconds})
