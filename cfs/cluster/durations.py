"""How long a cluster is wanted, as people write it: `90m`, `3h`, `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta

from terminal.errors import UserError

SHORTEST = timedelta(minutes=15)
"""A node takes minutes to boot; a window that ends before it is of use is a slip."""

LONGEST = timedelta(hours=72)
"""A weekend. Longer needs are the schedule's: its settings `extraDays` and the hours."""

_DURATION = re.compile(r"(?=\d)(?:(?P<hours>\d{1,4})h)?(?:(?P<minutes>\d{1,5})m)?")


def parse(text: str) -> timedelta:
    """Read a duration.

    Raises:
        UserError: It is none, or out of bounds.
    """
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise UserError(
            f"{text!r} is not a duration: hours and minutes are written as 3h, 90m or 1h30m.",
            repair="for three hours: cfs cluster up --for 3h",
        )
    duration = timedelta(hours=int(found["hours"] or 0), minutes=int(found["minutes"] or 0))
    if not SHORTEST <= duration <= LONGEST:
        raise UserError(
            f"{text!r} is out of bounds: a window lasts from {show(SHORTEST)} to {show(LONGEST)}.",
            repair="give --for a duration between them; for longer, change the schedule's settings",
        )
    return duration


def show(duration: timedelta) -> str:
    """Write a duration as it is read: hours and minutes, seconds cut off."""
    hours, minutes = divmod(int(duration.total_seconds()) // 60, 60)
    return "".join((f"{hours}h" if hours else "", f"{minutes}m" if minutes or not hours else ""))
