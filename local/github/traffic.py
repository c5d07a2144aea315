"""How many requests were served, and what is left of the hourly limit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from local.github.records import FaultName

if TYPE_CHECKING:
    from local.github.records import Json, State

_LIMIT = 5000
_WINDOW = 3600


class Traffic:
    """A count of requests; it starts anew with the process."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.requests = 0
        self._used = 0
        self._reset = 0.0

    def count(self) -> None:
        """Count a request, in a new hour where the last one is over."""
        if self._reset <= time.time():
            self._used = 0
            self._reset = time.time() + _WINDOW
        self.requests += 1
        self._used = min(self._used + 1, _LIMIT - 1)

    def rate(self, state: State) -> Json:
        """Show what is left; nothing is while the fault lasts."""
        fault = state.faults.get(FaultName.PRIMARY_RATE_LIMIT)
        used = self._used if fault is None else _LIMIT
        reset = self._reset if fault is None or fault.until is None else fault.until
        return {"limit": _LIMIT, "used": used, "remaining": _LIMIT - used, "reset": int(reset)}
