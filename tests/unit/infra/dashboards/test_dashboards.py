"""The dashboards keep CloudWatch's rules, and show nothing that nobody publishes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from guard.meter import INSTANCES
from guard.readings import ADDRESSES, NAT_GATEWAYS, NAT_TRAFFIC, TOKENS, VOLUMES
from infra.dashboards.boards import COST_COMPONENTS
from infra.dashboards.widgets import GRID_COLUMNS, Chart, ChartedMetric, DashboardContext, dashboard_body
from infra.published_metrics import UnpublishedMetricError, find_metric
from tests.unit.infra.conftest import STACK
from tests.unit.infra.test_components import stack

FREE_METRICS = 50
"""Metrics that a free dashboard may have: https://aws.amazon.com/cloudwatch/pricing/"""

SEARCH = re.compile(r"SEARCH\('\{(?P<schema>[\w/,]+)\} MetricName=\"(?P<name>\w+)\"', '(?P<stat>\w+)', \d+\)")


def bodies() -> dict[str, dict[str, Any]]:
    return {
        of.inputs["dashboardName"]: json.loads(of.inputs["dashboardBody"])
        for of in stack().every("aws:cloudwatch/dashboard:Dashboard")
    }


def widgets() -> list[dict[str, Any]]:
    return [widget for body in bodies().values() for widget in body["widgets"]]


def charted(widget: dict[str, Any]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return namespace, name and dimensions of each metric in a widget's JSON."""
    found = []
    for row in widget["properties"].get("metrics", ()):
        if isinstance(row[0], dict):
            search = SEARCH.fullmatch(row[0]["expression"])
            assert search, row
            namespace, *dimensions = search["schema"].split(",")
            found.append((namespace, search["name"], tuple(dimensions)))
        else:
            namespace, name, *pairs, _ = row
            found.append((namespace, name, tuple(pairs[::2])))
    return found


def test_there_are_the_three_that_are_free() -> None:
    assert bodies().keys() == {f"claudefs-{STACK}-{board}" for board in ("cost", "performance", "infrastructure")}
    for name, body in bodies().items():
        assert sum(len(charted(widget)) for widget in body["widgets"]) <= FREE_METRICS, name


def test_widgets_fill_the_grid_without_overlap() -> None:
    for body in bodies().values():
        cells = [
            (x, y)
            for of in body["widgets"]
            for x in range(of["x"], of["x"] + of["width"])
            for y in range(of["y"], of["y"] + of["height"])
        ]
        assert len(cells) == len(set(cells))
        assert max(x for x, _ in cells) < GRID_COLUMNS
        assert 1 < len(body["widgets"]) <= 500
        assert len(json.dumps(body)) < 2**20


def test_each_widget_has_the_properties_of_its_type() -> None:
    allowed = {
        "metric": {"title", "region", "view", "stacked", "period", "metrics", "yAxis", "annotations"},
        "log": {"title", "region", "view", "stacked", "query"},
        "alarm": {"title", "alarms"},
        "text": {"markdown"},
    }
    assert {widget["type"] for widget in widgets()} == allowed.keys()
    for widget in widgets():
        assert widget["properties"].keys() <= allowed[widget["type"]]
        assert widget["properties"].get("view", "timeSeries") in {"timeSeries", "table"}
    (alarms,) = [widget["properties"]["alarms"] for widget in widgets() if widget["type"] == "alarm"]
    assert len(alarms) == len(stack().every("MetricAlarm")) <= 100


def test_every_metric_on_a_dashboard_is_published() -> None:
    metrics = {metric for widget in widgets() for metric in charted(widget)}
    assert len(metrics) > 40
    for namespace, name, dimensions in metrics:
        find_metric(namespace.replace(f"/{STACK}", "/{environment}"), name, *dimensions)


def test_a_chart_of_a_metric_that_nobody_publishes_is_refused() -> None:
    with pytest.raises(UnpublishedMetricError, match="nobody publishes CFS/Cost SpendEur by Environment"):
        ChartedMetric(namespace="CFS/Cost", name="SpendEur", dimensions={"Environment": "test"}, label="spent")


def test_the_components_of_the_cost_chart_are_those_of_the_meter() -> None:
    assert COST_COMPONENTS.keys() == {INSTANCES, TOKENS, VOLUMES, NAT_GATEWAYS, NAT_TRAFFIC, ADDRESSES}


def test_a_row_that_is_full_is_followed_by_the_next() -> None:
    spent = ChartedMetric(namespace="CFS/Cost", name="SpendUsd", dimensions={"Environment": "test"}, label="spent")
    context = DashboardContext(
        environment="test",
        region="us-west-2",
        orchestrator_id="i-1",
        has_orchestrator_hours=False,
        node_groups=(),
        daily_usd=100,
        alarm_arns=(),
    )
    charts = [Chart(title=str(width), metrics=(spent,), width=width, height=width) for width in (6, 12, 8, 4)]

    places = [(of["x"], of["y"]) for of in dashboard_body(charts, context)["widgets"]]

    assert places == [(0, 0), (6, 0), (0, 12), (8, 12)]
