"""The data of a dashboard's widgets, from their JSON: metrics from CloudWatch, and lines of logs."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cfs.aws import AwsAccount

QUERIES_PER_CALL = 500
"""Queries that a call of GetMetricData takes:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html"""

_SEARCH = re.compile(r"SEARCH\('\{(?P<schema>.+?)\} MetricName=\"(?P<name>\w+)\"', '(?P<statistic>\w+)', \d+\)")
_PROPERTY = re.compile(r"\$\{PROP\('Dim\.(\w+)'\)\}")
_QUERY = re.compile(r"SOURCE '(?P<group>[^']+)' \| filter message = '(?P<message>\w+)' \| (?P<rest>.+)")
_LARGEST = re.compile(r"max\(`(?P<path>[^`]+)`\) as (?P<name>\w+)")
_FIELDS = re.compile(r"fields (?P<names>[^|]+)")


@dataclass(frozen=True, kw_only=True)
class Span:
    """The time that a page shows."""

    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True)
class Series:
    """Values over time.

    Attributes:
        label: Its name.
        points: Times and values, oldest first.
    """

    label: str
    points: tuple[tuple[datetime, float], ...]


@dataclass(frozen=True, kw_only=True)
class MetricQuery:
    """A metric to read.

    Attributes:
        label: Its name in the chart.
        namespace: Namespace.
        name: Name of the metric.
        dimensions: Names and values of its dimensions.
        statistic: Statistic of a period.
        period: Length of a period in seconds.
    """

    label: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    period: int


def widget_queries(aws: AwsAccount, properties: Mapping[str, Any]) -> list[MetricQuery]:
    """Return the metrics of a widget; a search becomes the metrics that there are."""
    return [query for row in properties["metrics"] for query in _row_queries(aws, row, properties["period"])]


def _row_queries(aws: AwsAccount, row: Sequence[Any], period: int) -> Iterator[MetricQuery]:
    if not isinstance(row[0], dict):
        namespace, name, *pairs, options = row
        dimensions = tuple(zip(pairs[::2], pairs[1::2], strict=True))
        yield MetricQuery(
            label=options["label"],
            namespace=namespace,
            name=name,
            dimensions=dimensions,
            statistic=options["stat"],
            period=period,
        )
        return
    search = _SEARCH.fullmatch(row[0]["expression"])
    if search is None:
        raise ValueError(f"not a search of one metric: {row[0]['expression']}")
    namespace, *names = search["schema"].split(",")
    for metric in aws.list_items(
        "cloudwatch", "list_metrics", "Metrics[]", Namespace=namespace, MetricName=search["name"]
    ):
        values = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
        if values.keys() == set(names):
            yield MetricQuery(
                label=_fill_label(row[0]["label"], values),
                namespace=namespace,
                name=search["name"],
                dimensions=tuple(values.items()),
                statistic=search["statistic"],
                period=period,
            )


def _fill_label(label: str, values: Mapping[str, str]) -> str:
    return _PROPERTY.sub(lambda found: values[found[1]], label)


def read_metrics(aws: AwsAccount, queries: Sequence[MetricQuery], span: Span) -> list[Series]:
    """Return the values of metrics, in the order of the queries."""
    points: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
    for start in range(0, len(queries), QUERIES_PER_CALL):
        chunk = queries[start : start + QUERIES_PER_CALL]
        for result in aws.list_items(
            "cloudwatch",
            "get_metric_data",
            "MetricDataResults[]",
            MetricDataQueries=[_render_query(f"q{start + number}", query) for number, query in enumerate(chunk)],
            StartTime=span.start,
            EndTime=span.end,
        ):
            points[result["Id"]] += zip(result["Timestamps"], result["Values"], strict=True)
    return [
        Series(label=query.label, points=tuple(sorted((at.astimezone(UTC), float(value)) for at, value in points[key])))
        for number, query in enumerate(queries)
        for key in [f"q{number}"]
    ]


def _render_query(identifier: str, query: MetricQuery) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in query.dimensions]
    metric = {"Namespace": query.namespace, "MetricName": query.name, "Dimensions": dimensions}
    return {"Id": identifier, "MetricStat": {"Metric": metric, "Period": query.period, "Stat": query.statistic}}


@dataclass(frozen=True, kw_only=True)
class LogLines:
    """A log widget's query, and the JSON lines with its message.

    Attributes:
        query: What follows the filter in the query.
        lines: Times and lines, oldest first.
    """

    query: str
    lines: tuple[tuple[datetime, Mapping[str, Any]], ...]

    def draw_series(self) -> list[Series]:
        """Return the largest values of fields in each quarter of an hour, as the query names them."""
        return [
            Series(label=found["name"], points=tuple(sorted(self._largest_values(found["path"]).items())))
            for found in _LARGEST.finditer(self.query)
        ]

    def _largest_values(self, path: str) -> dict[datetime, float]:
        largest: dict[datetime, float] = {}
        for at, line in self.lines:
            value = _find_field(line, path)
            if isinstance(value, int | float):
                quarter = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
                largest[quarter] = max(largest.get(quarter, value), value)
        return largest

    def list_rows(self) -> tuple[list[str], list[list[str]]]:
        """Return the names of the query's fields, and their values in the last 20 lines, newest first."""
        found = _FIELDS.search(self.query)
        names = [] if found is None else [name.strip() for name in found["names"].split(",")]
        rows = [
            [f"{at:%H:%M}" if name == "@timestamp" else str(_find_field(line, name) or "") for name in names]
            for at, line in reversed(self.lines[-20:])
        ]
        return ["time" if name == "@timestamp" else name for name in names], rows


def _find_field(line: Mapping[str, Any], path: str) -> Any:
    value: Any = line
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def read_log(aws: AwsAccount, query: str, span: Span) -> LogLines:
    """Return the lines of a log widget."""
    known = _QUERY.fullmatch(query)
    if known is None:
        raise ValueError(f"not a filter of one message: {query}")
    events = aws.list_items(
        "logs",
        "filter_log_events",
        "events[]",
        logGroupName=known["group"],
        startTime=_milliseconds(span.start),
        endTime=_milliseconds(span.end),
        filterPattern=f'"{known["message"]}"',
    )
    lines = [(datetime.fromtimestamp(event["timestamp"] / 1000, UTC), _read_line(event["message"])) for event in events]
    return LogLines(
        query=known["rest"],
        lines=tuple((at, line) for at, line in lines if line.get("message") == known["message"]),
    )


def _read_line(text: str) -> Mapping[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}


def _milliseconds(at: datetime) -> int:
    return (at - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
