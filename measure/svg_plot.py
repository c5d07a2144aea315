"""Line plots as SVG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOP = 20
_BOTTOM = 40
_GREY = "#333333"


@dataclass(frozen=True, kw_only=True)
class SvgPlot:
    """A plot whose axes begin at 0.

    Attributes:
        width: Width of the drawing, in its own units.
        height: Height of the drawing.
        left: Width left of the axes.
        right: Width right of the axes.
        highest_x: Greatest value on the horizontal axis.
        highest_y: Greatest value on the vertical axis.
    """

    width: int
    height: int
    left: int
    right: int
    highest_x: float
    highest_y: float

    def place_point(self, x: float, y: float) -> tuple[float, float]:
        """Return the place of a point in the drawing."""
        inner_height = self.height - _BOTTOM - _TOP
        return (
            self.left + x / self.highest_x * (self.width - self.left - self.right),
            self.height - _BOTTOM - y / self.highest_y * inner_height,
        )

    def draw_grid(self, *, x_marks: Sequence[tuple[float, str]], y_marks: Sequence[tuple[float, str]]) -> list[str]:
        """Return horizontal lines at values of the vertical axis, and the labels of both axes."""
        parts = []
        for value, label in y_marks:
            _, y = self.place_point(0, value)
            parts.append(f'<path d="M{self.left} {y:.1f}H{self.width - self.right}" stroke="#eeeeee"/>')
            parts.append(write_text(self.left - 8, y + 4, label, anchor="end"))
        below = self.height - _BOTTOM + 20
        return [
            *parts,
            *(write_text(self.place_point(value, 0)[0], below, label, anchor="middle") for value, label in x_marks),
        ]

    def draw_line(self, points: Sequence[tuple[float, float]], *, colour: str, dashes: str = "") -> str:
        """Return a line through points."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (self.place_point(*point) for point in points))
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        return f'<polyline fill="none" stroke="{colour}" stroke-width="2"{dashed} points="{path}"/>'

    def draw_svg(self, parts: Sequence[str]) -> str:
        """Return the whole file."""
        size = f'viewBox="0 0 {self.width} {self.height}"'
        begin = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">'
        return "\n".join([begin, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>\n"])


def draw_dot(x: float, y: float, *, radius: int, colour: str) -> str:
    """Return a dot at a place in the drawing."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"/>'


def write_text(x: float, y: float, text: str, *, colour: str = _GREY, anchor: str = "start") -> str:
    """Return a text at a place in the drawing."""
    return f'<text font-size="12" x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{text}</text>'
