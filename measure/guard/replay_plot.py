"""The plot of a replayed day, as SVG."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from measure.guard.replay import ReplayedDay

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 760, 380, 60, 40, 20, 120
_HIGHEST_USD = 200
_GRID_USD = 50
_GRID_HOURS = 3

_LABELS = {
    "economy": "80 %: agents in economy",
    "blockLaunches": "90 %: launches blocked",
    "stopCluster": "100 %: cluster stopped",
}


def draw_replay(day: ReplayedDay) -> str:
    """Return the plot: what was spent with the guard, and with billing data that is late."""
    guarded = [(_day_hour(number), tick.usd) for number, tick in enumerate(day.ticks)]
    late = [(hour, usd) for hour, usd in day.late_curve if usd <= _HIGHEST_USD]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">',
        '<rect width="100%" height="100%" fill="white"/>',
        *_draw_grid(),
        _draw_line([(0.0, day.budget_usd), (24.0, day.budget_usd)], colour="#999999", dashes="6 4"),
        _draw_line(late, colour="#cc3311"),
        _draw_line(guarded, colour="#0077bb"),
        *_step_labels(day),
        _write_text(
            _x_of(16.6), _y_of(Decimal(190)), f"billing data 10 h late: ${day.late_usd:.0f} by 24:00", colour="#cc3311"
        ),
        _write_text(_x_of(18.2), _y_of(guarded[-1][1] + 8), f"with the guard: ${guarded[-1][1]:.0f}", colour="#0077bb"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _day_hour(tick: int) -> float:
    return tick / 12


def _x_of(hour: float) -> float:
    return _LEFT + hour / 24 * (_WIDTH - _LEFT - _RIGHT)


def _y_of(usd: Decimal) -> float:
    return _HEIGHT - _BOTTOM - float(usd) / _HIGHEST_USD * (_HEIGHT - _BOTTOM - _TOP)


def _draw_line(points: Sequence[tuple[float, Decimal]], *, colour: str, dashes: str = "") -> str:
    path = " ".join(f"{_x_of(hour):.1f},{_y_of(usd):.1f}" for hour, usd in points)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<polyline fill="none" stroke="{colour}" stroke-width="2"{dashed} points="{path}"/>'


def _write_text(x: float, y: float, text: str, *, colour: str = "#333333", anchor: str = "start") -> str:
    return f'<text font-size="12" x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{text}</text>'


def _draw_grid() -> list[str]:
    lines = []
    for usd in range(0, _HIGHEST_USD + 1, _GRID_USD):
        y = _y_of(Decimal(usd))
        lines.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#eeeeee"/>')
        lines.append(_write_text(_LEFT - 8, y + 4, f"${usd}", anchor="end"))
    hours = range(0, 25, _GRID_HOURS)
    return [
        *lines,
        *(_write_text(_x_of(hour), _HEIGHT - _BOTTOM + 20, f"{hour:02}:00", anchor="middle") for hour in hours),
    ]


def _step_labels(day: ReplayedDay) -> list[str]:
    labels = []
    for step, label in _LABELS.items():
        place = next((number for number, tick in enumerate(day.ticks) if step in tick.steps), None)
        if place is None:
            continue
        x, y = _x_of(_day_hour(place)), _y_of(day.ticks[place].usd)
        labels.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#0077bb"/>')
        labels.append(_write_text(x - 10, y + 4, label, anchor="end"))
    return labels
