"""Widgets of a dashboard as values, and the body that CloudWatch takes.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from infra.published_metrics import PublishedMetric, find_metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

GRID_COLUMNS = 24
"""Columns of a dashboard's grid."""

Statistic = Literal["Average", "Maximum", "Minimum", "Sum"]


@dataclass(frozen=True, kw_only=True)
class ChartedMetric:
    """A published metric, or with `searched` all metrics of that name, one for each value of its dimensions.

    Attributes:
        namespace: Namespace, as in the table of published metrics.
        name: Name of the metric.
        dimensions: Values of its dimensions; those that are missing are searched.
        label: Its name in the legend; with a search, `${PROP('Dim.X')}` is the value of dimension X.
        statistic: Statistic of a period.
        searched: Dimensions whose values are searched.
    """

    namespace: str
    name: str
    dimensions: Mapping[str, str] = field(default_factory=dict)
    label: str
    statistic: Statistic = "Maximum"
    searched: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a metric that nobody publishes."""
        self.find_published()

    def find_published(self) -> PublishedMetric:
        """Return the metric's row in the table of published metrics."""
        return find_metric(self.namespace, self.name, *self.dimensions, *self.searched)

    def render_row(self, environment: str, *, period: int) -> list[Any]:
        """Return the metric's row in a widget."""
        namespace = self.namespace.format(environment=environment)
        if self.searched:
            # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
            schema = ",".join((namespace, *self.searched))
            search = f"SEARCH('{{{schema}}} MetricName=\"{self.name}\"', '{self.statistic}', {period})"
            return [{"expression": search, "label": self.label}]
        pairs = [part for pair in self.dimensions.items() for part in pair]
        return [namespace, self.name, *pairs, {"label": self.label, "stat": self.statistic}]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A line chart of metrics.

    Attributes:
        title: Its title.
        metrics: Its metrics, all of one unit.
        width: Columns of the grid.
        period: Length of a period in seconds.
        limit: Label and value of a horizontal line, or None.
    """

    title: str
    metrics: tuple[ChartedMetric, ...]
    width: int = 12
    height: int = 6
    period: int = 300
    limit: tuple[str, float] | None = None

    def render_widget(self, context: DashboardContext) -> dict[str, Any]:
        """Return the widget's type and properties."""
        (unit,) = {metric.find_published().unit for metric in self.metrics}
        properties = {
            "title": self.title,
            "region": context.region,
            "view": "timeSeries",
            "stacked": False,
            "period": self.period,
            "metrics": [metric.render_row(context.environment, period=self.period) for metric in self.metrics],
            "yAxis": {"left": {"label": unit, "min": 0, "showUnits": False}},
        }
        if self.limit is not None:
            label, value = self.limit
            properties["annotations"] = {"horizontal": [{"label": label, "value": value}]}
        return {"type": "metric", "properties": properties}


@dataclass(frozen=True, kw_only=True)
class LogQuery:
    """The result of a query of CloudWatch Logs Insights.

    Attributes:
        title: Its title.
        log_group: The log group's name.
        query: The query, without its source.
        view: How the result is shown.
    """

    title: str
    log_group: str
    query: str
    view: Literal["timeSeries", "table"]
    width: int = 12
    height: int = 6

    def render_widget(self, context: DashboardContext) -> dict[str, Any]:
        """Return the widget's type and properties."""
        properties = {
            "title": self.title,
            "region": context.region,
            "view": self.view,
            "stacked": self.view == "timeSeries",
            "query": f"SOURCE '{self.log_group}' | {self.query}",
        }
        return {"type": "log", "properties": properties}


@dataclass(frozen=True, kw_only=True)
class AlarmList:
    """The states of alarms."""

    title: str
    width: int = GRID_COLUMNS
    height: int = 4

    def render_widget(self, context: DashboardContext) -> dict[str, Any]:
        """Return the widget's type and properties."""
        return {"type": "alarm", "properties": {"title": self.title, "alarms": list(context.alarm_arns)}}


@dataclass(frozen=True, kw_only=True)
class Note:
    """A text in Markdown."""

    markdown: str
    width: int = GRID_COLUMNS
    height: int = 1

    def render_widget(self, _: DashboardContext) -> dict[str, Any]:
        """Return the widget's type and properties."""
        return {"type": "text", "properties": {"markdown": self.markdown}}


Widget = Chart | LogQuery | AlarmList | Note


@dataclass(frozen=True, kw_only=True)
class DashboardContext:
    """Facts of the stack that dashboards show.

    Attributes:
        environment: The stack's name.
        region: AWS region.
        orchestrator_id: ID of the orchestrator's instance.
        has_orchestrator_hours: Whether a schedule stops the orchestrator.
        node_groups: Names of the node groups.
        daily_usd: Daily budget in US dollars.
        alarm_arns: ARNs of the environment's alarms.
    """

    environment: str
    region: str
    orchestrator_id: str
    has_orchestrator_hours: bool
    node_groups: Sequence[str]
    daily_usd: int
    alarm_arns: Sequence[str]


def dashboard_body(widgets: Iterable[Widget], context: DashboardContext) -> dict[str, Any]:
    """Return a dashboard's body: its widgets from left to right, row by row."""
    return {"widgets": list(_place_widgets(widgets, context))}


def _place_widgets(widgets: Iterable[Widget], context: DashboardContext) -> Iterator[dict[str, Any]]:
    x = y = row_height = 0
    for widget in widgets:
        if x + widget.width > GRID_COLUMNS:
            x, y, row_height = 0, y + row_height, 0
        place = {"x": x, "y": y, "width": widget.width, "height": widget.height}
        yield {**place, **widget.render_widget(context)}
        x, row_height = x + widget.width, max(row_height, widget.height)
