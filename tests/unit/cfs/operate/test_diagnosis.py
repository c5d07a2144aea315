"""What a diagnosis makes of workflow runs, metrics and logs, and of a part that fails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
from moto import mock_aws

from cfs.aws import AwsAccount
from cfs.doctor.findings import good_finding
from cfs.operate.ci_metrics import examine_ci_metrics, judge_ci_metrics
from cfs.operate.diagnosis import examine_part
from cfs.operate.recent_errors import examine_recent_errors
from cfs.operate.workflow_history import judge_history, parse_run
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cfs.doctor.findings import Finding

BEGAN = datetime(2026, 11, 26, 6, tzinfo=UTC)


def run(number: int, file: str, *, outcome: str = "success", minutes: int = 10, attempt: int = 1) -> dict[str, Any]:
    """Return a run as GitHub describes it."""
    return {
        "id": number,
        "path": f".github/workflows/{file}",
        "conclusion": outcome,
        "status": "completed",
        "run_attempt": attempt,
        "run_started_at": BEGAN.isoformat(),
        "updated_at": (BEGAN + timedelta(minutes=minutes)).isoformat(),
        "html_url": f"https://github.com/acme/claudefs/actions/runs/{number}",
    }


def test_only_a_workflows_latest_run_counts_but_every_flaky_one() -> None:
    runs = [
        run(4, "ci-build.yml", outcome="failure"),
        run(3, "ci-build.yml"),
        run(2, "tests-all.yml", minutes=61),
        run(1, "tests-all.yml", attempt=2),
    ]

    found = list(judge_history(list(map(parse_run, runs)), repository="acme/claudefs"))

    assert [(each.check, each.verdict) for each in found] == [
        ("ci-build.yml", "wrong"),
        ("tests-all.yml", "doubtful"),
        ("flaky tests-all.yml", "doubtful"),
    ]
    assert found[0].repair == "gh run view 4 --repo acme/claudefs --log-failed"
    assert found[2].repair == "gh run view 1 --repo acme/claudefs --attempt 1 --log-failed"


def test_a_cold_build_cache_and_failed_tests_are_doubtful() -> None:
    found = judge_ci_metrics(cache={"CI": [80.0, 60.0], "All Tests": [10.0]}, failed={"All Tests": [2.0], "CI": [0.0]})

    assert [(each.check, each.verdict) for each in found] == [
        ("build cache", "doubtful"),
        ("build cache", "good"),
        ("failed tests", "doubtful"),
    ]


def test_metrics_and_errors_of_the_account_are_found() -> None:
    session = boto3.Session("key", "secret", region_name="us-west-2")
    with mock_aws():
        earlier = datetime.now(UTC) - timedelta(hours=1)
        dimensions = [{"Name": "Workflow", "Value": "CI"}, {"Name": "Job", "Value": "build"}]
        datum = {"MetricName": "CacheHitRate", "Value": 90.0, "Dimensions": dimensions, "Timestamp": earlier}
        session.client("cloudwatch").put_metric_data(Namespace="CFS/CI", MetricData=[datum])
        logs = session.client("logs")
        logs.create_log_group(logGroupName="/cfs/prod/agents")
        logs.create_log_stream(logGroupName="/cfs/prod/agents", logStreamName="s")
        now = int(datetime.now(UTC).timestamp() * 1000)
        event = {"timestamp": now, "message": "ERROR: no space"}
        logs.put_log_events(logGroupName="/cfs/prod/agents", logStreamName="s", logEvents=[event])
        logs.create_log_group(logGroupName="/cfs/prod/nodes")
        aws = AwsAccount(session=session)

        [cache] = examine_ci_metrics(aws)
        error, silent = examine_recent_errors(aws, "prod")

    assert cache.message.startswith("90 % of CI's")
    assert (error.check, error.message) == ("log agents", "ERROR: no space")
    assert (silent.check, silent.verdict) == ("log nodes", "good")


def test_a_part_that_fails_is_a_line() -> None:
    def examine() -> Iterator[Finding]:
        yield good_finding("first", "It works.")
        raise UserError("It does not answer.", repair="try again")

    first, failed = examine_part("part", examine)

    assert first.check == "first"
    assert (failed.check, failed.verdict, failed.repair) == ("part", "doubtful", "try again")
