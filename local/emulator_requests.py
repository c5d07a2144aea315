"""JSON requests to the emulators: to their control API, and to GitHub's."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

from cfs.loopback import open_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWER_SECONDS = 10.0


def send_json(
    url: str,
    method: str = "GET",
    body: Mapping[str, object] | None = None,
    *,
    token: str = "",
    seconds: float = ANSWER_SECONDS,
) -> Any:
    """Send a request with a JSON body, and return the JSON of the response; None if that is empty.

    Args:
        url: The address, on loopback.
        method: HTTP method.
        body: The body, or None for none.
        token: Bearer token, or "".
        seconds: Time limit.

    Raises:
        OSError: The emulator does not answer, or with an HTTP error.
        ValueError: The answer is not JSON.
    """
    request = urllib.request.Request(
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}"} if token else {},
    )
    with open_loopback(request, timeout=seconds) as answer:
        text = answer.read()
    return json.loads(text) if text else None
