"""Days of the week: which ones nodes are started on, and how cron writes them."""

from __future__ import annotations

from enum import IntEnum
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date


class Weekday(IntEnum):
    """A day of the week, numbered as in cron."""

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
"""The days on which every calendar of a stack opens, but for holidays."""


def cron_days(days: Collection[Weekday]) -> str:
    """Return days as the day field of a cron expression, such as `1-5` or `0,2-4`."""
    numbered = enumerate(sorted(days))
    # Days that follow each other are all as far from their place in the list.
    runs = [[day for _, day in run] for _, run in groupby(numbered, key=lambda item: item[1] - item[0])]
    return ",".join(f"{run[0]:d}" if len(run) == 1 else f"{run[0]:d}-{run[-1]:d}" for run in runs)
