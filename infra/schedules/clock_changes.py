"""Clock changes of a time zone, and the times of day that they skip or repeat.

AWS does not document what happens to a scheduled action when its time is skipped or repeated. So the project refuses
such times: every time in a schedule occurs exactly once on each day of the coming years.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo

CHECKED_YEARS = 10
"""Number of years for which times are checked. Rules for clock changes may change at shorter notice; the first preview
with the new rules then refuses a time that has become invalid."""

_DAY = timedelta(days=1)
_WEEK = timedelta(weeks=1)
_SECOND = timedelta(seconds=1)
_QUARTER_MINUTES = 15


@dataclass(frozen=True, kw_only=True)
class ClockChange:
    """One clock change of a time zone.

    Attributes:
        begins: First local time that is skipped or repeated, as a naive datetime.
        ends: First local time after the skipped or repeated ones.
        skips_times: True if the times in between do not exist, False if they occur twice.
    """

    begins: datetime
    ends: datetime
    skips_times: bool

    def affected_day(self, at: time) -> date | None:
        """Return the day on which the change skips or repeats a time of day, or None."""
        for day in (self.begins.date(), self.ends.date()):
            if self.begins <= datetime.combine(day, at) < self.ends:
                return day
        return None


@cache
def zone_names() -> frozenset[str]:
    """Return the names of time zones that AWS accepts: canonical names, and not `US/Pacific` or `EST`.

    These are the zones in the zone database's `zone.tab`, and `Etc/UTC`.
    https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutScheduledUpdateGroupAction.html
    """
    table = files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    return frozenset({row[2] for row in rows} | {"Etc/UTC"})


def similar_zones(name: str) -> list[str]:
    """Return the zones that a wrong name may mean: the canonical zone of an alias, otherwise similar names."""
    data = files("tzdata.zoneinfo").joinpath("tzdata.zi").read_text(encoding="utf-8")
    lines = [line.split(" ") for line in data.splitlines() if line.startswith("L ")]
    links = {other: canonical for _, canonical, other in lines}
    if links.get(name) in zone_names():
        return [links[name]]
    known = {zone.lower(): zone for zone in zone_names()}
    # People often remember only the city.
    known |= {zone.rpartition("/")[2].lower(): zone for zone in zone_names()}
    found = difflib.get_close_matches(name.lower().replace(" ", "_"), known, n=2, cutoff=0.7)
    return list(dict.fromkeys(known[match] for match in found))


@cache
def clock_changes(zone: str, *, since: date, years: int = CHECKED_YEARS) -> tuple[ClockChange, ...]:
    """Return a zone's clock changes in the given number of years from `since`, in order."""
    rules = ZoneInfo(zone)
    # One day more at both ends, since local dates differ from UTC dates. No zone changes its clocks twice in a week.
    instant = datetime.combine(since, time(), tzinfo=UTC) - _DAY
    weeks = [instant + number * _WEEK for number in range((366 * years + 3) // 7 + 2)]
    offsets = [_utc_offset(rules, week) for week in weeks]
    return tuple(
        _change_between(rules, before, after)
        for (before, old), (after, new) in pairwise(zip(weeks, offsets, strict=True))
        if old != new
    )


def first_unfit_day(zone: str, at: time, *, since: date) -> tuple[date, ClockChange] | None:
    """Return the first day in the checked years on which a time is skipped or repeated, with the clock change."""
    for change in clock_changes(zone, since=since):
        day = change.affected_day(at)
        if day is not None:
            return day, change
    return None


def nearest_fit_time(zone: str, at: time, *, since: date) -> time:
    """Return the nearest quarter of an hour that occurs exactly once on every day of the checked years."""
    minute = at.hour * 60 + at.minute
    quarters = [time(hour=hour, minute=minute) for hour in range(24) for minute in range(0, 60, _QUARTER_MINUTES)]
    # Of two equally near times, the later one comes first.
    quarters.sort(key=lambda fit: (abs(fit.hour * 60 + fit.minute - minute), -fit.hour))
    return next(fit for fit in quarters if first_unfit_day(zone, fit, since=since) is None)


def _utc_offset(rules: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(rules).utcoffset() or timedelta()


def _change_between(rules: ZoneInfo, before: datetime, after: datetime) -> ClockChange:
    """Return the clock change between two instants, exact to the second."""
    old, new = _utc_offset(rules, before), _utc_offset(rules, after)
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        before, after = (middle, after) if _utc_offset(rules, middle) == old else (before, middle)
    naive = after.replace(tzinfo=None)
    return ClockChange(begins=naive + min(old, new), ends=naive + max(old, new), skips_times=new > old)
