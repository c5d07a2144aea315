"""The latest errors in an environment's logs."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from cfs.doctor.findings import doubtful_finding, good_finding
from infra.naming import LOG_GROUP_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cfs.aws import AwsAccount
    from cfs.doctor.findings import Finding

_PATTERN = "?ERROR ?Error ?error ?FATAL ?panicked ?Traceback"
_HOURS = 24
_MOST_SHOWN = 3
_LONGEST_LINE = 200


def examine_recent_errors(aws: AwsAccount, environment: str) -> Iterator[Finding]:
    """Return the last day's first errors of each log group."""
    prefix = f"{LOG_GROUP_PREFIX}/{environment}/"
    since = aws.clock() - timedelta(hours=_HOURS)
    groups = aws.list_items("logs", "describe_log_groups", "logGroups[].logGroupName", logGroupNamePrefix=prefix)
    for group in map(str, groups):
        events = aws.list_items(
            "logs",
            "filter_log_events",
            "events",
            logGroupName=group,
            filterPattern=_PATTERN,
            startTime=int(since.timestamp() * 1000),
        )
        lines = [event["message"].strip()[:_LONGEST_LINE] for event in islice(events, _MOST_SHOWN)]
        check = f"log {group.removeprefix(prefix)}"
        if lines:
            yield doubtful_finding(
                check, "\n".join(lines), repair=f"aws logs tail {group} --since {_HOURS}h --region {aws.region}"
            )
        else:
            yield good_finding(check, f"No error in {_HOURS} hours.")
