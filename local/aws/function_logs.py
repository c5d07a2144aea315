"""The log of a function's run in CloudWatch Logs, and the metrics that CloudWatch extracts from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MILLISECONDS = 1000


@dataclass(frozen=True, kw_only=True)
class RunLog:
    """The log of a run.

    Attributes:
        group: The log group.
        stream: The log stream; each run has its own.
    """

    group: str
    stream: str

    @classmethod
    def begin_log(cls, group: str) -> RunLog:
        """Return a log with a new stream name in Lambda's format."""
        return cls(group=group, stream=f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{uuid4().hex}")

    def write_run(self, logs: Any, text: str, *, request: str, seconds: float) -> None:
        """Write a run's output between Lambda's own lines; without the rights to log, it is lost, as on AWS."""
        lines = [
            f"START RequestId: {request} Version: $LATEST",
            *filter(None, text.splitlines()),
            f"END RequestId: {request}",
            f"REPORT RequestId: {request}\tDuration: {seconds * _MILLISECONDS:.2f} ms",
        ]
        now = int(datetime.now(UTC).timestamp() * _MILLISECONDS)
        events = [{"timestamp": now, "message": line} for line in lines]
        try:
            logs.create_log_stream(logGroupName=self.group, logStreamName=self.stream)
            logs.put_log_events(logGroupName=self.group, logStreamName=self.stream, logEvents=events)
        except ClientError:
            return


def publish_embedded_metrics(cloudwatch: Any, text: str) -> None:
    """Publish the metrics in lines of CloudWatch's embedded metric format.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    for namespace, metric in _embedded_metrics(text):
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=[metric])


def _embedded_metrics(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for line in text.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if not isinstance(told, dict) or "_aws" not in told:
            continue
        at = told["_aws"]["Timestamp"] / _MILLISECONDS
        for directive in told["_aws"]["CloudWatchMetrics"]:
            for keys in directive["Dimensions"]:
                dimensions = [{"Name": key, "Value": str(told[key])} for key in keys]
                for metric in directive["Metrics"]:
                    values = told[metric["Name"]]
                    yield (
                        directive["Namespace"],
                        {
                            "MetricName": metric["Name"],
                            "Dimensions": dimensions,
                            "Timestamp": at,
                            "Unit": metric.get("Unit", "None"),
                            "Values": values if isinstance(values, list) else [values],
                        },
                    )
