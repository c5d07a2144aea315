"""The plot of a replayed day, as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from measure.svg_plot import SvgPlot, draw_dot, write_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from measure.guard.replay import ReplayedDay

_HIGHEST_USD = 200
_GRID_USD = 50
_GRID_HOURS = 3
_PLOT = SvgPlot(width=760, height=380, left=60, right=120, highest_x=24, highest_y=_HIGHEST_USD)

_LABELS = {
    "economy": "80 %: agents in economy",
    "blockLaunches": "90 %: launches blocked",
    "stopCluster": "100 %: cluster stopped",
}


def draw_replay(day: ReplayedDay) -> str:
    """Return the plot: what was spent with the guard, and with billing data that is late."""
    budget = float(day.budget_usd)
    guarded = [(_day_hour(number), float(tick.usd)) for number, tick in enumerate(day.ticks)]
    late = [(hour, float(usd)) for hour, usd in day.late_curve if usd <= _HIGHEST_USD]
    return _PLOT.draw_svg(
        [
            *_PLOT.draw_grid(
                x_marks=[(hour, f"{hour:02}:00") for hour in range(0, 25, _GRID_HOURS)],
                y_marks=[(usd, f"${usd}") for usd in range(0, _HIGHEST_USD + 1, _GRID_USD)],
            ),
            _PLOT.draw_line([(0.0, budget), (24.0, budget)], colour="#999999", dashes="6 4"),
            _PLOT.draw_line(late, colour="#cc3311"),
            _PLOT.draw_line(guarded, colour="#0077bb"),
            *_step_labels(day),
            write_text(
                *_PLOT.place_point(16.6, 190), f"billing data 10 h late: ${day.late_usd:.0f} by 24:00", colour="#cc3311"
            ),
            write_text(
                *_PLOT.place_point(18.2, guarded[-1][1] + 8),
                f"with the guard: ${guarded[-1][1]:.0f}",
                colour="#0077bb",
            ),
        ]
    )


def _day_hour(tick: int) -> float:
    return tick / 12


def _step_labels(day: ReplayedDay) -> Iterator[str]:
    for step, label in _LABELS.items():
        number = next((number for number, tick in enumerate(day.ticks) if step in tick.steps), None)
        if number is None:
            continue
        x, y = _PLOT.place_point(_day_hour(number), float(day.ticks[number].usd))
        yield draw_dot(x, y, radius=4, colour="#0077bb")
        yield write_text(x - 10, y + 4, label, anchor="end")
