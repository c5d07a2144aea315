"""Reconciliation with Cost Explorer, whose data is hours late: it shows the meter's drift, and decides nothing."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from guard.records import Reconciliation

if TYPE_CHECKING:
    from datetime import datetime

    from guard.calls import AwsCalls
    from guard.environment import GuardSettings
    from guard.records import DayRecord

READING_HOURS = (12, 23)
"""Hours of the day in UTC from which the day before is read; a request costs $0.01:
https://aws.amazon.com/aws-cost-management/aws-cost-explorer/pricing/"""


def is_billing_due(record: DayRecord, now: datetime) -> bool:
    """Return whether Cost Explorer is to be asked: at most twice a day."""
    return record.billing_reads < sum(now.hour >= hour for hour in READING_HOURS)


def read_billed_day(calls: AwsCalls, settings: GuardSettings, before: DayRecord) -> Reconciliation:
    """Return what a day was billed, for the environment's tagged resources and for Bedrock, which has no tags.

    Raises:
        ValueError: The answer has more than one page.
    """
    day = before.meter.day
    answer = calls.service_client("ce").get_cost_and_usage(
        TimePeriod={"Start": day.isoformat(), "End": (day + timedelta(days=1)).isoformat()},
        Granularity="DAILY",
        Metrics=["UnblendedCost"],
        GroupBy=[{"Type": "TAG", "Key": "Environment"}, {"Type": "DIMENSION", "Key": "SERVICE"}],
    )
    if answer.get("NextPageToken"):
        raise ValueError("Cost Explorer has more than a page for one day")
    rows = [group for period in answer["ResultsByTime"] for group in period["Groups"]]
    billed = sum((_billed_amount(row) for row in rows if _is_own(row, settings)), start=Decimal(0))
    return Reconciliation(day=day, billed_usd=billed, metered_usd=before.meter.usd)


def _billed_amount(row: dict[str, Any]) -> Decimal:
    return Decimal(row["Metrics"]["UnblendedCost"]["Amount"])


def _is_own(row: dict[str, Any], settings: GuardSettings) -> bool:
    tag, service = row["Keys"]
    return tag == f"Environment${settings.environment}" or "Bedrock" in service
