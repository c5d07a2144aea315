"""The plot of how a deployment grows with its resources, as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfs.report.line_chart import round_up
from measure.svg_plot import SvgPlot, draw_dot, write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from measure.bench.growth import GrownStack

_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Marks on the axes, as shares of their greatest values."""


def draw_growth(grown: Sequence[GrownStack]) -> str:
    """Return the plot of the first `up` and of a preview, in seconds, over the number of resources."""
    plot = SvgPlot(
        width=640,
        height=320,
        left=50,
        right=150,
        highest_x=round_up(max(size.resources for size in grown)),
        highest_y=round_up(max(size.up_seconds for size in grown)),
    )
    parts = plot.draw_grid(
        x_marks=[(share * plot.highest_x, f"{share * plot.highest_x:g}") for share in _SHARES],
        y_marks=[(share * plot.highest_y, f"{share * plot.highest_y:g} s") for share in _SHARES],
    )
    lines = (
        ("first up", "#cc3311", [(size.resources, size.up_seconds) for size in grown]),
        ("preview, no change", "#0077bb", [(size.resources, size.preview_seconds) for size in grown]),
    )
    for label, colour, points in lines:
        places = [plot.place_point(*point) for point in points]
        parts += [
            plot.draw_line(points, colour=colour),
            *(draw_dot(x, y, radius=3, colour=colour) for x, y in places),
            write_text(places[-1][0] + 8, places[-1][1] + 4, label, colour=colour),
        ]
    return plot.draw_svg(parts)
