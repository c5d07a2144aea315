"""A line chart as SVG, whose colours come from the page's style."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from cfs.report.series import Series, Span

COLOURS = 8
"""Number of line colours in the page's style; further lines repeat them."""

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 220, 52, 8, 10, 24
_GRID_LINES = 4
_TIME_MARKS = 6


@dataclass(frozen=True, kw_only=True)
class LineChart:
    """A chart.

    Attributes:
        title: Its title, for readers without a screen.
        series: Its lines.
        span: The time that it shows.
        period: Seconds between two points of a line; longer gaps interrupt it.
        limit: Label and value of a dashed line, or None.
    """

    title: str
    series: Sequence[Series]
    span: Span
    period: int
    limit: tuple[str, float] | None = None

    def draw_svg(self) -> str:
        """Return the SVG element."""
        parts = [*self._draw_grid(), *self._draw_times(), *self._draw_limit()]
        for number, series in enumerate(self.series):
            parts += self._draw_line(series.points, f"c{number % COLOURS}")
        size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        return f'<svg {size} role="img" aria-label="{escape(self.title)}">{"".join(parts)}</svg>'

    @property
    def _highest(self) -> float:
        values = [value for series in self.series for _, value in series.points]
        return round_up(max([*values, self.limit[1] if self.limit else 0, 0]))

    def _x_of(self, at: datetime) -> float:
        share = (at - self.span.start) / (self.span.end - self.span.start)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def _y_of(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - value / self._highest * (_HEIGHT - _BOTTOM - _TOP)

    def _draw_grid(self) -> Iterator[str]:
        for number in range(_GRID_LINES + 1):
            value = self._highest * number / _GRID_LINES
            y = self._y_of(value)
            yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>'
            yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{format_value(value)}</text>'

    def _draw_times(self) -> Iterator[str]:
        step = (self.span.end - self.span.start) / _TIME_MARKS
        for number in range(_TIME_MARKS + 1):
            at = self.span.start + number * step
            anchor = {0: "start", _TIME_MARKS: "end"}.get(number, "middle")
            yield f'<text x="{self._x_of(at):.1f}" y="{_HEIGHT - 6}" text-anchor="{anchor}">{at:%H:%M}</text>'

    def _draw_limit(self) -> Iterator[str]:
        if self.limit is not None:
            label, value = self.limit
            y = self._y_of(value)
            yield f'<path class="limit" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>'
            yield f'<text x="{_LEFT + 4}" y="{y - 4:.1f}">{escape(label)} {format_value(value)}</text>'

    def _draw_line(self, points: Sequence[tuple[datetime, float]], colour: str) -> Iterator[str]:
        for piece in split_gaps(points, longest=timedelta(seconds=1.5 * self.period)):
            places = [(self._x_of(at), self._y_of(value)) for at, value in piece]
            if len(places) == 1:
                ((x, y),) = places
                yield f'<circle class="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
            else:
                path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
                yield f'<polyline class="{colour}" points="{path}"/>'


def split_gaps(
    points: Sequence[tuple[datetime, float]], *, longest: timedelta
) -> Iterator[Sequence[tuple[datetime, float]]]:
    """Yield the pieces of a line between gaps that are longer than a duration."""
    begin = 0
    for number in range(1, len(points) + 1):
        if number == len(points) or points[number][0] - points[number - 1][0] > longest:
            yield points[begin:number]
            begin = number


def round_up(value: float) -> float:
    """Return the next number above that is 1, 2, 2.5, 5 or 10 times a power of ten; 1 for 0."""
    if value <= 0:
        return 1
    power = 10 ** math.floor(math.log10(value))
    return float(next(factor * power for factor in (1, 2, 2.5, 5, 10) if value <= factor * power * (1 + 1e-9)))


def format_value(value: float) -> str:
    """Return a number with three significant digits, in thousands or millions if it is large."""
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"
