"""Builds the page of an environment from the dashboards that are deployed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cfs.report.line_chart import LineChart
from cfs.report.page import AlarmState, AlarmStates, Panel, RowTable, StatusPage
from cfs.report.series import Span, read_log, read_metrics, widget_queries
from infra.dashboards.boards import BOARDS
from infra.naming import dashboard_name
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cfs.aws import AwsAccount

_LOG_PERIOD = 900
"""Seconds between two points of a chart of a log."""

_ALARMS_PER_CALL = 100
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html"""


def build_status_page(aws: AwsAccount, environment: str, *, hours: int) -> StatusPage:
    """Read an environment's dashboards, and their data up to now.

    Args:
        aws: The account.
        environment: The environment's name.
        hours: How much time the page shows.
    """
    end = aws.clock().replace(second=0, microsecond=0)
    span = Span(start=end - timedelta(hours=hours), end=end)
    boards = [(board, _read_board(aws, environment, board, span)) for board in BOARDS]
    return StatusPage(environment=environment, span=span, boards=boards)


def _read_board(aws: AwsAccount, environment: str, board: str, span: Span) -> list[Panel]:
    answer = aws.call_operation("cloudwatch", "get_dashboard", DashboardName=dashboard_name(environment, board))
    widgets = json.loads(answer["DashboardBody"])["widgets"]
    return list(_read_panels(aws, environment, widgets, span))


def _read_panels(aws: AwsAccount, environment: str, widgets: list[Any], span: Span) -> Iterator[Panel]:
    for widget in widgets:
        properties = widget["properties"]
        content: LineChart | RowTable | AlarmStates
        if widget["type"] == "metric":
            content = _read_chart(aws, properties, span)
        elif widget["type"] == "log":
            content = _read_log_panel(aws, properties, span)
        elif widget["type"] == "alarm":
            content = _read_alarms(aws, environment, properties["alarms"])
        else:
            continue
        yield Panel(title=properties["title"], width=widget["width"], content=content)


def _read_chart(aws: AwsAccount, properties: Mapping[str, Any], span: Span) -> LineChart:
    limits = properties.get("annotations", {}).get("horizontal", [])
    return LineChart(
        title=properties["title"],
        series=read_metrics(aws, widget_queries(aws, properties), span),
        span=span,
        period=properties["period"],
        limit=(limits[0]["label"], limits[0]["value"]) if limits else None,
    )


def _read_log_panel(aws: AwsAccount, properties: Mapping[str, Any], span: Span) -> LineChart | RowTable:
    lines = read_log(aws, properties["query"], span)
    if properties["view"] == "table":
        columns, rows = lines.list_rows()
        return RowTable(columns=columns, rows=rows)
    return LineChart(title=properties["title"], series=lines.draw_series(), span=span, period=_LOG_PERIOD)


def _read_alarms(aws: AwsAccount, environment: str, arns: list[str]) -> AlarmStates:
    names = [arn.partition(":alarm:")[2] for arn in arns]
    found = [
        alarm
        for start in range(0, len(names), _ALARMS_PER_CALL)
        for alarm in aws.list_items(
            "cloudwatch", "describe_alarms", "MetricAlarms[]", AlarmNames=names[start : start + _ALARMS_PER_CALL]
        )
    ]
    prefix = f"{PROJECT_NAME}-{environment}-"
    states = [
        AlarmState(
            name=alarm["AlarmName"].removeprefix(prefix),
            state=alarm["StateValue"],
            description=alarm["AlarmDescription"],
        )
        for alarm in found
    ]
    return AlarmStates(alarms=sorted(states, key=lambda alarm: (alarm.state != "ALARM", alarm.name)))
