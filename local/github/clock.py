"""Times as GitHub writes them: UTC, to the second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def current_timestamp() -> str:
    """Return the present second."""
    return datetime.now(UTC).strftime(_FORMAT)


def later_timestamp(previous: str) -> str:
    """Return the present second, or the one after `previous` where that is later.

    Clients notice that somebody changed a secret only by its date, so two changes must never share one.
    """
    earliest = datetime.strptime(previous, _FORMAT).replace(tzinfo=UTC) + timedelta(seconds=1)
    return max(current_timestamp(), earliest.strftime(_FORMAT))


def epoch_seconds(moment: str) -> int:
    """Return a time in seconds since 1970, as Git stores it."""
    return int(datetime.strptime(moment, _FORMAT).replace(tzinfo=UTC).timestamp())
