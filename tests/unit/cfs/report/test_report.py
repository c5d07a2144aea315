"""The page shows what the deployed dashboards describe, and asks nothing of the network."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from cfs.aws import AwsAccount
from cfs.report.line_chart import LineChart, format_value, round_up, split_gaps
from cfs.report.page import AlarmStates, Panel, RowTable, StatusPage
from cfs.report.series import LogLines, Series, Span
from cfs.report.status_page import build_status_page
from measure.guard.recorded_environment import RecordedEnvironment
from measure.guard.simulated_account import SIMULATED_ENVIRONMENT, simulate_account

if TYPE_CHECKING:
    from collections.abc import Iterator

TEN = datetime(2026, 11, 26, 10, tzinfo=UTC)
MODEL = "us.anthropic.claude-haiku-4-5-20251001-v1:0"


@pytest.fixture(scope="module")
def page() -> Iterator[StatusPage]:
    """The page of an environment that has spent its budget within ten minutes."""
    with simulate_account() as account:
        account.now, account.budget_usd = TEN, Decimal("0.10")
        (account.orchestrator_id,) = account.launch_instances(1, role="orchestrator", spot=False, type_="c7a.2xlarge")
        account.add_group("storage-site-a", 2)
        recorded = RecordedEnvironment(account=account, node_groups=("storage-site-a",))
        recorded.declare_observation()
        for number in range(1, 4):
            at = TEN + number * timedelta(minutes=5)
            account.count_tokens(MODEL, tokens=2_000_000, at=at - timedelta(minutes=1))
            recorded.record_tick(account.run_guard(at))
        aws = AwsAccount(session=account.session, clock=lambda: TEN + timedelta(minutes=20))
        yield build_status_page(aws, SIMULATED_ENVIRONMENT, hours=1)


def panel(page: StatusPage, title: str) -> Panel:
    (found,) = [panel for _, panels in page.boards for panel in panels if panel.title.startswith(title)]
    return found


def chart(page: StatusPage, title: str) -> LineChart:
    content = panel(page, title).content
    assert isinstance(content, LineChart)
    return content


def test_each_dashboard_is_shown_with_its_widgets(page: StatusPage) -> None:
    assert [board for board, _ in page.boards] == ["cost", "performance", "infrastructure"]
    assert all(len(panels) >= 4 for _, panels in page.boards)


def test_a_chart_has_the_values_of_its_metrics_and_its_limit(page: StatusPage) -> None:
    spent, forecast = chart(page, "Spent today, and").series
    assert [at.minute for at, _ in spent.points] == [5, 10, 15]
    assert all(later >= earlier for (_, earlier), (_, later) in zip(spent.points, spent.points[1:], strict=False))
    assert forecast.points[-1][1] > spent.points[-1][1] > 0.1
    assert chart(page, "Spent today, and").limit == ("limit", 0)
    (wanted,) = chart(page, "Nodes wanted").series
    # The guard has set the group to zero.
    assert (wanted.label, wanted.points[0][1]) == ("storage-site-a", 0)


def test_a_search_becomes_the_metrics_that_there_are(page: StatusPage) -> None:
    tokens = [series for series in chart(page, "Tokens").series if series.points]
    assert [series.label for series in tokens] == [f"input {MODEL}"]
    assert sum(value for _, value in tokens[0].points) == 6_000_000


def test_logs_give_costs_by_component_and_what_the_guard_changed(page: StatusPage) -> None:
    components = {series.label: series.points for series in chart(page, "Spent today, by").series}
    assert {"instances", "tokens", "volumes"} <= {label for label, points in components.items() if points}
    changes = panel(page, "Changes").content
    assert isinstance(changes, RowTable)
    assert changes.columns == ["time", "action", "reason", "error"]
    assert any("scaled to zero" in row[1] for row in changes.rows)


def test_alarms_that_ring_come_first_with_their_runbook(page: StatusPage) -> None:
    content = panel(page, "Alarms").content
    assert isinstance(content, AlarmStates)
    first, *others = content.alarms
    assert (first.name, first.state) == ("over-budget", "ALARM")
    assert "docs/runbooks.md#over-budget" in page.render_html()
    assert {alarm.state for alarm in others} == {"OK"}


def test_the_page_is_whole_and_asks_nothing_of_the_network(page: StatusPage) -> None:
    text = page.render_html()
    opened: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert not {name for name, _ in attrs} & {"src", "href", "xlink:href", "action", "data"}
            if tag != "meta" and not (self.get_starttag_text() or "").endswith("/>"):
                opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            if opened and opened[-1] == tag:
                opened.pop()

    parser = Parser()
    parser.feed(text)
    parser.close()
    assert opened == []
    assert "default-src 'none'" in text
    assert not re.search(r"https?:|@import|url\(", text)
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_what_aws_returns_is_no_markup() -> None:
    span = Span(start=TEN, end=TEN + timedelta(hours=1))
    named = Series(label="<b>&", points=((TEN, 1.0),))
    drawn = LineChart(title="a<b", series=[named], span=span, period=300, limit=("<i>", 2))
    table = RowTable(columns=["a"], rows=[["<script>"]])
    panels = [Panel(title="t<", width=12, content=drawn), Panel(title="u", width=12, content=table)]

    text = StatusPage(environment="<e>", span=span, boards=[("<c>", panels)]).render_html()

    assert not re.search(r"<(script|i|e|c)>|<b>&|a<b|t<<", text)


@pytest.mark.parametrize(
    "minutes, pieces", [([], []), ([0], [1]), ([0, 5, 10], [3]), ([0, 5, 20, 25], [2, 2]), ([0, 60], [1, 1])]
)
def test_a_gap_interrupts_a_line(minutes: list[int], pieces: list[int]) -> None:
    points = [(TEN + timedelta(minutes=minute), 1.0) for minute in minutes]
    assert [len(piece) for piece in split_gaps(points, longest=timedelta(minutes=7.5))] == pieces


@pytest.mark.parametrize("value, rounded", [(0, 1), (0.03, 0.05), (1, 1), (1.1, 2), (23, 25), (99, 100), (100, 100)])
def test_an_axis_ends_at_a_round_number(value: float, rounded: float) -> None:
    assert round_up(value) == pytest.approx(rounded)


def test_numbers_are_short() -> None:
    assert [format_value(value) for value in (0, 0.1234, 99, 1500, 2_500_000)] == ["0", "0.123", "99", "1.5k", "2.5M"]


def test_lines_of_a_log_that_lack_a_field_are_left_out() -> None:
    lines = LogLines(query="stats max(`a.b`) as x by bin(15m)", lines=((TEN, {"a": {"b": 2}}), (TEN, {"a": 1})))
    assert lines.draw_series() == [Series(label="x", points=((TEN, 2),))]
