"""The page: each dashboard's widgets as HTML, with its style inside and without any request."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from cfs.report.line_chart import COLOURS, format_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cfs.report.line_chart import LineChart
    from cfs.report.series import Series, Span

_STYLE = Path(__file__).with_name("page.css")

_STATE_CLASSES = {"ALARM": "alarm", "OK": "ok"}


@dataclass(frozen=True, kw_only=True)
class AlarmState:
    """An alarm and its state.

    Attributes:
        name: The alarm's name without the environment's prefix.
        state: `ALARM`, `OK` or `INSUFFICIENT_DATA`.
        description: What it means, with the place of its runbook.
    """

    name: str
    state: str
    description: str


@dataclass(frozen=True, kw_only=True)
class AlarmStates:
    """Alarms, those that ring first."""

    alarms: Sequence[AlarmState]


@dataclass(frozen=True, kw_only=True)
class RowTable:
    """A table.

    Attributes:
        columns: Names of its columns.
        rows: Its rows.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A widget on the page.

    Attributes:
        title: Its title.
        width: Columns of the grid of 24.
        content: What it shows.
    """

    title: str
    width: int
    content: LineChart | RowTable | AlarmStates


@dataclass(frozen=True, kw_only=True)
class StatusPage:
    """The page of an environment.

    Attributes:
        environment: The environment's name.
        span: The time that it shows.
        boards: Titles of dashboards with their panels.
    """

    environment: str
    span: Span
    boards: Sequence[tuple[str, Sequence[Panel]]]

    def render_html(self) -> str:
        """Return the page."""
        title = f"ClaudeFS {escape(self.environment)}"
        body = "".join(
            f'<h2>{escape(name.capitalize())}</h2><div class="board">{"".join(map(_render_panel, panels))}</div>'
            for name, panels in self.boards
        )
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
            f"<title>{title}</title><style>{_STYLE.read_text(encoding='utf-8')}</style></head><body>"
            f"<h1>{title}</h1><p>{self.span.start:%Y-%m-%d %H:%M} to {self.span.end:%Y-%m-%d %H:%M} UTC</p>"
            f"{body}</body></html>\n"
        )


def _render_panel(panel: Panel) -> str:
    return (
        f'<section class="widget" style="grid-column: span {panel.width}">'
        f"<h3>{escape(panel.title)}</h3>{''.join(_render_content(panel.content))}</section>"
    )


def _render_content(content: LineChart | RowTable | AlarmStates) -> Iterator[str]:
    if isinstance(content, RowTable):
        yield from _render_table(content)
    elif isinstance(content, AlarmStates):
        yield "<ul>"
        for alarm in content.alarms:
            kind = _STATE_CLASSES.get(alarm.state, "unknown")
            yield f'<li class="{kind}" title="{escape(alarm.description)}">{escape(alarm.name)}</li>'
        yield "</ul>"
        yield from (f"<p>{escape(alarm.description)}</p>" for alarm in content.alarms if alarm.state == "ALARM")
    else:
        yield from _render_chart(content)


def _render_table(table: RowTable) -> Iterator[str]:
    if not table.rows:
        yield "<p>none</p>"
        return
    yield f"<table><tr>{''.join(f'<th>{escape(name)}</th>' for name in table.columns)}</tr>"
    for row in table.rows:
        yield f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
    yield "</table>"


def _render_chart(chart: LineChart) -> Iterator[str]:
    if not any(series.points for series in chart.series):
        yield "<p>no data</p>"
        return
    yield chart.draw_svg()
    yield "<ul>"
    for number, series in enumerate(chart.series):
        if series.points:
            key = f'<span class="key c{number % COLOURS}"></span>'
            yield f"<li>{key}{escape(series.label)} <b>{_last_value(series)}</b></li>"
    yield "</ul>"


def _last_value(series: Series) -> str:
    return format_value(series.points[-1][1])
