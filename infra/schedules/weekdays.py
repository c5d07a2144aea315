"""Days of the week, and their notation in cron expressions."""

from __future__ import annotations

from enum import IntEnum
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date


class Weekday(IntEnum):
    """A day of the week, with its number in cron."""

    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 0

    @classmethod
    def of(cls, day: date) -> Weekday:
        """Return the day of the week of a date."""
        return cls(day.isoweekday() % 7)


WORKING_DAYS = frozenset({Weekday.MONDAY, Weekday.TUESDAY, Weekday.WEDNESDAY, Weekday.THURSDAY, Weekday.FRIDAY})
"""Days with a start in every calendar of a stack, except holidays."""


def cron_days(days: Collection[Weekday]) -> str:
    """Return the day-of-week field of a cron expression, such as `1-5` or `0,2-4`."""
    numbered = enumerate(sorted(days))
    # Consecutive days have the same difference between their number and their index.
    runs = [[day for _, day in run] for _, run in groupby(numbered, key=lambda item: item[1] - item[0])]
    return ",".join(f"{run[0]:d}" if len(run) == 1 else f"{run[0]:d}-{run[-1]:d}" for run in runs)
