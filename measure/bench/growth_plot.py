"""The plot of how a deployment grows with its resources, as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfs.report.line_chart import round_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from measure.bench.growth import GrownStack

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 320, 50, 150, 20, 40
_GRID_LINES = 4


def draw_growth(grown: Sequence[GrownStack]) -> str:
    """Return the plot of the first `up` and of a preview, in seconds, over the number of resources."""
    widest = round_up(max(size.resources for size in grown))
    highest = round_up(max(size.up_seconds for size in grown))

    def place_point(resources: float, seconds: float) -> tuple[float, float]:
        x = _LEFT + resources / widest * (_WIDTH - _LEFT - _RIGHT)
        return x, _HEIGHT - _BOTTOM - seconds / highest * (_HEIGHT - _BOTTOM - _TOP)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number in range(_GRID_LINES + 1):
        share = number / _GRID_LINES
        x, y = place_point(share * widest, share * highest)
        parts += [
            f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#eeeeee"/>',
            _write_text(_LEFT - 8, y + 4, f"{share * highest:g} s", anchor="end"),
            _write_text(x, _HEIGHT - _BOTTOM + 20, f"{share * widest:g}", anchor="middle"),
        ]
    lines = (
        ("first up", "#cc3311", [(size.resources, size.up_seconds) for size in grown]),
        ("preview, no change", "#0077bb", [(size.resources, size.preview_seconds) for size in grown]),
    )
    for label, colour, points in lines:
        places = [place_point(*point) for point in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts += [
            f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>',
            *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places),
            _write_text(places[-1][0] + 8, places[-1][1] + 4, label, colour=colour),
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _write_text(x: float, y: float, text: str, *, colour: str = "#333333", anchor: str = "start") -> str:
    return f'<text font-size="12" x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{text}</text>'
