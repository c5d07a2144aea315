"""Timestamps in GitHub's format: UTC, in whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def current_timestamp() -> str:
    """Return the current second."""
    return datetime.now(UTC).strftime(_FORMAT)


def later_timestamp(previous: str) -> str:
    """Return the current second, or the one after `previous` if that is later.

    Clients detect a change of a secret only by its timestamp, so two changes must never share one.
    """
    earliest = datetime.strptime(previous, _FORMAT).replace(tzinfo=UTC) + timedelta(seconds=1)
    return max(current_timestamp(), earliest.strftime(_FORMAT))


def epoch_seconds(moment: str) -> int:
    """Return a timestamp in seconds since the epoch, as Git stores it."""
    return int(datetime.strptime(moment, _FORMAT).replace(tzinfo=UTC).timestamp())
