"""JSON requests to the emulators, as a user or a job sends them outside Pulumi."""

from __future__ import annotations

import urllib.error
from typing import TYPE_CHECKING, Any

from local.emulator_requests import send_json
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping


def send_request(url: str, method: str, body: Mapping[str, object] | None = None, *, token: str = "") -> Any:
    """Send a request with a JSON body to an emulator, and return the JSON of its response; None if that is empty."""
    try:
        return send_json(url, method, body, token=token)
    except urllib.error.HTTPError as error:
        raise UserError(
            f"{method} {url} was answered by {error.code}: {error.read().decode(errors='replace')}",
            repair="run `cfs rehearse --keep` and send the request by hand",
        ) from error
