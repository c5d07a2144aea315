"""Checks the credentials, the account and the machine's clock."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from cfs.doctor.findings import good_finding, wrong_finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from cfs.checkup.facts import EnvironmentFacts
    from cfs.doctor.findings import Finding

MOST_CLOCK_SKEW = timedelta(minutes=5)
"""Difference from AWS's clock at which signatures expire:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""


def examine_account(facts: EnvironmentFacts) -> Iterator[Finding]:
    """Compare the account and the clock with those that the settings and AWS name."""
    answer = facts.aws.call_operation("sts", "get_caller_identity")
    allowed = facts.settings.allowed_account_ids
    if allowed and answer["Account"] not in allowed:
        yield wrong_finding(
            "credentials",
            f"You are signed in to the account {answer['Account']}; the settings allow {', '.join(allowed)}.",
            repair="export AWS_PROFILE=NAME  # a profile of that account",
        )
    else:
        yield good_finding("credentials", f"You are {answer['Arn']} in {facts.aws.region}.")
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if date and not facts.aws.is_emulated:
        yield judge_clock(facts.aws.clock(), parsedate_to_datetime(date))


def judge_clock(here: datetime, aws: datetime) -> Finding:
    """Judge the difference between this machine's clock and AWS's."""
    skew = here - aws
    if abs(skew) < MOST_CLOCK_SKEW:
        return good_finding("clock", f"It differs from AWS's by {abs(skew).total_seconds():.0f} s.")
    return wrong_finding(
        "clock",
        f"It is {abs(skew).total_seconds() / 60:.0f} minutes {'ahead of' if skew > timedelta() else 'behind'} AWS's, "
        "which refuses signatures that differ by 5.",
        repair="sudo timedatectl set-ntp true",
    )
