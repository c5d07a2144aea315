"""Parses and formats durations such as `90m`, `3h` and `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta

from terminal.errors import UserError

SHORTEST_WINDOW = timedelta(minutes=15)
"""A node takes minutes to boot; a shorter window is a mistake."""

LONGEST_WINDOW = timedelta(hours=72)
"""A weekend. For longer needs, change the schedule's settings."""

_DURATION = re.compile(r"(?=\d)(?:(?P<hours>\d{1,4})h)?(?:(?P<minutes>\d{1,5})m)?")


def parse_duration(text: str) -> timedelta:
    """Parse the duration of a window."""
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise UserError(
            f"{text!r} is not a duration: write hours and minutes as 3h, 90m or 1h30m.",
            repair="for three hours: --for 3h",
        )
    duration = timedelta(hours=int(match["hours"] or 0), minutes=int(match["minutes"] or 0))
    if not SHORTEST_WINDOW <= duration <= LONGEST_WINDOW:
        raise UserError(
            f"{text!r} is out of bounds: "
            f"it must be from {duration_text(SHORTEST_WINDOW)} to {duration_text(LONGEST_WINDOW)}.",
            repair="give --for a duration between them; for longer, change the schedule's settings",
        )
    return duration


def duration_text(duration: timedelta) -> str:
    """Format a duration in hours and minutes."""
    hours, minutes = divmod(int(duration.total_seconds()) // 60, 60)
    return "".join((f"{hours}h" if hours else "", f"{minutes}m" if minutes or not hours else ""))
