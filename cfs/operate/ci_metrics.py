"""The metrics that the workflows' jobs put to CloudWatch: build cache hits, and failed tests."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from cfs.doctor.findings import doubtful_finding, good_finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cfs.aws import AwsAccount
    from cfs.doctor.findings import Finding

NAMESPACE = "CFS/CI"
"""As in `infra/workflows/scripts/report.py`."""

LEAST_HIT_RATE = 50.0
"""Hit rate of the build cache below which ClaudeFS's documents ask for an alert, in percent."""

_DAYS = 7


def examine_ci_metrics(aws: AwsAccount) -> Iterator[Finding]:
    """Judge the last week's build cache hits and failed tests of each workflow."""
    yield from judge_ci_metrics(
        cache=_read_week(aws, "CacheHitRate", "Average"), failed=_read_week(aws, "FailedTests", "Sum")
    )


def judge_ci_metrics(*, cache: Mapping[str, list[float]], failed: Mapping[str, list[float]]) -> Iterator[Finding]:
    """Judge a week.

    Args:
        cache: Average hit rates of each workflow's jobs, in percent.
        failed: Number of failed tests of each workflow's jobs on main.
    """
    for workflow, rates in sorted(cache.items()):
        rate = sum(rates) / len(rates)
        said = f"{rate:.0f} % of {workflow}'s compilations came from the build cache in {_DAYS} days."
        if rate < LEAST_HIT_RATE:
            yield doubtful_finding(
                "build cache", said, repair="gh variable list  # CACHE_BUCKET and CACHE_ROLE_ARN must be set"
            )
        else:
            yield good_finding("build cache", said)
    for workflow, counts in sorted(failed.items()):
        if total := sum(counts):
            yield doubtful_finding(
                "failed tests",
                f"{total:.0f} tests of {workflow} failed on main in {_DAYS} days.",
                repair=f"gh run list --workflow '{workflow}' --branch main --status failure",
            )


def _read_week(aws: AwsAccount, metric: str, statistic: str) -> dict[str, list[float]]:
    """Return a metric's value for each job, by workflow."""
    until = aws.clock()
    read: dict[str, list[float]] = defaultdict(list)
    for listed in aws.list_items("cloudwatch", "list_metrics", "Metrics", Namespace=NAMESPACE, MetricName=metric):
        answer = aws.call_operation(
            "cloudwatch",
            "get_metric_statistics",
            Namespace=NAMESPACE,
            MetricName=metric,
            Dimensions=listed["Dimensions"],
            StartTime=until - timedelta(days=_DAYS),
            EndTime=until,
            Period=_DAYS * 24 * 3600,
            Statistics=[statistic],
        )
        names = {dimension["Name"]: dimension["Value"] for dimension in listed["Dimensions"]}
        read[names["Workflow"]] += [point[statistic] for point in answer["Datapoints"]]
    return {workflow: values for workflow, values in read.items() if values}
