"""The function's entry point: every event, of the schedule or of the budget's topic, is one tick."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

from costs.price_list import load_price_list
from guard.calls import AwsCalls
from guard.environment import read_settings
from guard.tariff import Tariff
from guard.tick import GuardTick, Memory

if TYPE_CHECKING:
    from guard.environment import GuardSettings
    from guard.tick import TickReport

METRICS_NAMESPACE = "CFS/Cost"

logger = Logger(service="cost-guard")

_MEMORY = Memory()


class GuardError(RuntimeError):
    """A tick that must count as failed, so that it is retried and an alarm hears of it."""


def handle(event: object, context: object) -> dict[str, Any]:  # noqa: ARG001 — Lambda's signature
    """Run one tick and return its figures.

    Raises:
        GuardError: The ledger was not written or a message was not sent.
        GuardSettingsError: An environment variable is missing or wrong.
    """
    settings = read_settings(os.environ)
    calls = _connect_account(settings.region)
    calls.failures.clear()
    tick = GuardTick(
        calls=calls,
        settings=settings,
        tariff=Tariff(prices=load_price_list(settings.region)),
        memory=_MEMORY,
        now=datetime.now(UTC),
    )
    report = tick.run_tick()
    log_tick(settings, report)
    write_metrics(settings, report)
    if report.is_unreported:
        raise GuardError("; ".join(map(str, report.failures)))
    return tick_figures(report)


@cache
def _connect_account(region: str) -> AwsCalls:
    """Return the account; its clients take seconds to make and are kept between ticks."""
    return AwsCalls(session=boto3.Session(region_name=region))


def tick_figures(report: TickReport) -> dict[str, Any]:
    """Return a tick's figures for logs."""
    meter = report.record.meter
    return {
        "spent_usd": round(float(meter.usd), 4),
        "usd_per_hour": round(float(meter.usd_per_hour), 4),
        "usd_by_component": {name: round(float(usd), 4) for name, usd in meter.usd_by_component.items()},
        "instance_hours": round(meter.instance_seconds / 3600, 3),
        "steps": [step.value for step in report.decision.steps],
        "actions": [outcome.summary for outcome in report.outcomes],
        "failures": [str(failure) for failure in report.failures],
        "reason": report.decision.reason,
    }


def log_tick(settings: GuardSettings, report: TickReport) -> None:
    """Write one structured line about a tick, and one for each change."""
    figures = tick_figures(report)
    line = {"environment": settings.environment, "dry_run": settings.is_dry_run, **figures}
    if report.failures:
        logger.error("tick with failed calls", extra=line)
    else:
        logger.info("tick", extra=line)
    for outcome in report.outcomes:
        logger.warning(
            "change", extra={"action": outcome.summary, "reason": report.decision.reason, "error": outcome.error}
        )


def write_metrics(settings: GuardSettings, report: TickReport) -> None:
    """Write the metrics into the log, in the format that CloudWatch extracts: no call, no permission."""
    metrics = Metrics(namespace=METRICS_NAMESPACE)
    metrics.add_dimension(name="Environment", value=settings.environment)
    meter = report.record.meter
    metrics.add_metric(name="SpendUsd", unit=MetricUnit.NoUnit, value=float(meter.usd))
    metrics.add_metric(name="HourlyRateUsd", unit=MetricUnit.NoUnit, value=float(meter.usd_per_hour))
    metrics.add_metric(name="ForecastUsd", unit=MetricUnit.NoUnit, value=float(meter.forecast_usd))
    metrics.add_metric(name="FailedCalls", unit=MetricUnit.Count, value=len(report.failures))
    if report.outcomes:
        # A metric is charged only for hours in which it is published.
        metrics.add_metric(name="Actions", unit=MetricUnit.Count, value=len(report.outcomes))
    metrics.flush_metrics()
