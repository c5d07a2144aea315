"""Writes a job's duration, build cache hit rate and test results to the run's summary.

Usage: report.py [--junit FILE]

On main, if the job has AWS credentials, it also puts metrics to CloudWatch in the namespace CFS/CI, with the dimensions
Workflow and Job: Duration (Seconds), CacheHitRate (Percent), Tests and FailedTests (Count).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CI_METRICS_NAMESPACE = "CFS/CI"

CLI_TIMEOUT_SECONDS = 60
"""Time-out of sccache and the AWS CLI; the latter retries by itself."""

SCCACHE_CONFIG = Path("~/.config/sccache/config").expanduser()
"""File that the setup action writes if the job uses the build cache."""

WANTED_HIT_RATE = 75
"""Expected hit rate of a warm build cache, in percent; the summary marks lower rates."""


@dataclass(frozen=True, kw_only=True)
class CacheStats:
    """Statistics of the build cache."""

    hits: int
    misses: int
    errors: int

    @property
    def hit_rate(self) -> float | None:
        """Cache hits in percent of all compilations, or None without compilations."""
        compilations = self.hits + self.misses
        return 100 * self.hits / compilations if compilations else None


@dataclass(frozen=True, kw_only=True)
class JobTests:
    """Test results of a job."""

    count: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class JobReport:
    """Summary of a job."""

    job: str
    seconds: int
    cache: CacheStats | None = None
    tests: JobTests | None = None


def read_cache(stats: dict[str, Any]) -> CacheStats:
    """Return the statistics in the output of `sccache --show-stats --stats-format=json`."""
    counts = stats["stats"]
    return CacheStats(
        hits=sum(counts["cache_hits"]["counts"].values()),
        misses=sum(counts["cache_misses"]["counts"].values()),
        errors=sum(counts["cache_errors"]["counts"].values())
        + counts["cache_read_errors"]
        + counts["cache_write_errors"]
        + counts["cache_timeouts"],
    )


def read_junit(file: Path) -> JobTests:
    """Return the results in nextest's JUnit report.

    Raises:
        SystemExit: The report does not exist, because the tests have not run.
    """
    if not file.is_file():
        raise SystemExit(f"error: there is no {file}\nrepair: see the previous steps for why no test has run")
    root = ET.parse(file).getroot()  # noqa: S314 -- this very job wrote it
    cases = list(root.iter("testcase"))
    failed = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    return JobTests(count=len(cases), failed=failed)


def job_summary(report: JobReport) -> str:
    """Return the report as Markdown."""
    minutes, seconds = divmod(report.seconds, 60)
    facts = [f"{minutes} min {seconds:02} s"]
    if report.cache:
        rate = report.cache.hit_rate
        shown = "nothing to compile" if rate is None else f"{rate:.0f} % of {report.cache.hits + report.cache.misses}"
        low = " :warning:" if rate is not None and rate < WANTED_HIT_RATE else ""
        facts.append(f"build cache: {shown}{low}")
        if report.cache.errors:
            facts.append(f"{report.cache.errors} cache errors")
    if report.tests:
        facts.append(f"{report.tests.count} tests, {report.tests.failed} failed")
    return f"**{report.job}**: {'; '.join(facts)}\n"


def job_metrics(report: JobReport, *, workflow: str) -> list[dict[str, Any]]:
    """Return the report as data for CloudWatch's PutMetricData.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
    """
    values: list[tuple[str, float, str]] = [("Duration", report.seconds, "Seconds")]
    if report.cache and report.cache.hit_rate is not None:
        values.append(("CacheHitRate", round(report.cache.hit_rate, 1), "Percent"))
    if report.tests:
        values += [("Tests", report.tests.count, "Count"), ("FailedTests", report.tests.failed, "Count")]
    dimensions = [{"Name": "Workflow", "Value": workflow}, {"Name": "Job", "Value": report.job}]
    return [
        {"MetricName": name, "Value": value, "Unit": unit, "Dimensions": dimensions} for name, value, unit in values
    ]


def publish_metrics(data: list[dict[str, Any]]) -> None:
    """Put metrics to CloudWatch."""
    command = [
        "aws",
        "cloudwatch",
        "put-metric-data",
        "--namespace",
        CI_METRICS_NAMESPACE,
        "--metric-data",
        json.dumps(data),
    ]
    environment = {**os.environ, "AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": "4"}
    subprocess.run(command, env=environment, check=True, timeout=CLI_TIMEOUT_SECONDS)


def main() -> None:
    """Report the current job."""
    parser = argparse.ArgumentParser(description="Report how a job went.")
    parser.add_argument("--junit", type=Path, help="nextest's report of its tests")
    options = parser.parse_args()
    cache = None
    if SCCACHE_CONFIG.exists():
        command = ["sccache", "--show-stats", "--stats-format=json"]
        answer = subprocess.run(command, capture_output=True, check=True, timeout=CLI_TIMEOUT_SECONDS)
        cache = read_cache(json.loads(answer.stdout))
    started = int((Path(os.environ["RUNNER_TEMP"]) / "cfs-started").read_text())
    report = JobReport(
        job=os.environ["GITHUB_JOB"],
        seconds=int(time.time()) - started,
        cache=cache,
        tests=read_junit(options.junit) if options.junit else None,
    )
    with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as file:
        file.write(job_summary(report))
    if os.environ["GITHUB_REF"] == "refs/heads/main" and "AWS_ACCESS_KEY_ID" in os.environ:
        publish_metrics(job_metrics(report, workflow=os.environ["GITHUB_WORKFLOW"]))


if __name__ == "__main__":
    main()
