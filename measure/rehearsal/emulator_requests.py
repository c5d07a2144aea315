"""JSON requests to the emulators, as a user or a job sends them outside Pulumi."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from cfs.loopback import open_loopback
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWER_SECONDS = 10.0


def send_request(url: str, method: str, body: Mapping[str, object] | None = None, *, token: str = "") -> Any:
    """Send a request with a JSON body to an emulator, and return the JSON of its response; None if that is empty."""
    request = urllib.request.Request(
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}"} if token else {},
    )
    try:
        with open_loopback(request, timeout=ANSWER_SECONDS) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        raise UserError(
            f"{method} {url} was answered by {error.code}: {error.read().decode(errors='replace')}",
            repair="run `cfs rehearse --keep` and send the request by hand",
        ) from error
    return json.loads(text) if text else None
