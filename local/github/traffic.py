"""How many requests were served, and what is left of the hourly limit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from local.github.faults import HOURLY_LIMIT

if TYPE_CHECKING:
    from local.github.records import Json

_WINDOW = 3600


class Traffic:
    """A count of requests; it starts anew with the process, and never uses up the limit."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.requests = 0
        self._used = 0
        self._reset = 0.0

    def count_request(self) -> None:
        """Count a request, in a new hour where the last one is over."""
        if self._reset <= time.time():
            self._used = 0
            self._reset = time.time() + _WINDOW
        self.requests += 1
        self._used = min(self._used + 1, HOURLY_LIMIT - 1)

    def rate_limit(self) -> Json:
        """Show what is left."""
        remaining = HOURLY_LIMIT - self._used
        return {"limit": HOURLY_LIMIT, "used": self._used, "remaining": remaining, "reset": int(self._reset)}

    def rate_limit_headers(self) -> dict[str, str]:
        """Return what is left as headers."""
        named = {f"X-RateLimit-{name.capitalize()}": str(value) for name, value in self.rate_limit().items()}
        return {**named, "X-RateLimit-Resource": "core"}
