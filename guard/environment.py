"""The guard's settings, from the function's environment variables."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from guard.ladder import Ladder

if TYPE_CHECKING:
    from collections.abc import Mapping


class GuardSettingsError(ValueError):
    """An environment variable that is missing or wrong; the message names it."""


@dataclass(frozen=True, kw_only=True)
class GuardSettings:
    """The guard's settings.

    Attributes:
        project: Tag `project` of the resources that it meters and may touch.
        environment: Their tag `Environment`.
        region: The AWS region.
        ledger_table: Name of the DynamoDB table that is its memory.
        alert_topic_arn: SNS topic of its messages.
        agent_mode_parameter: SSM parameter that the orchestrator reads the agents' mode from.
        orchestrator_id: The orchestrator's instance ID, or "" if there is none.
        budget_usd: The day's budget in US dollars.
        ladder: What it does at which share of the budget.
        is_dry_run: Whether it only reports what it would do.
    """

    project: str
    environment: str
    region: str
    ledger_table: str
    alert_topic_arn: str
    agent_mode_parameter: str
    orchestrator_id: str
    budget_usd: Decimal
    ladder: Ladder
    is_dry_run: bool = False


def read_settings(variables: Mapping[str, str]) -> GuardSettings:
    """Read the settings from environment variables.

    Raises:
        GuardSettingsError: A variable is missing or wrong.
    """
    return GuardSettings(
        project=_required_text(variables, "CFS_PROJECT"),
        environment=_required_text(variables, "CFS_ENVIRONMENT"),
        region=_required_text(variables, "AWS_REGION"),
        ledger_table=_required_text(variables, "CFS_LEDGER_TABLE"),
        alert_topic_arn=_required_text(variables, "CFS_ALERT_TOPIC_ARN"),
        agent_mode_parameter=_required_text(variables, "CFS_AGENT_MODE_PARAMETER"),
        orchestrator_id=variables.get("CFS_ORCHESTRATOR_ID", ""),
        budget_usd=_parse_budget(_required_text(variables, "CFS_DAILY_BUDGET_USD")),
        ladder=_parse_ladder(_required_text(variables, "CFS_GUARD_LADDER")),
        is_dry_run=_parse_switch(variables, "CFS_DRY_RUN"),
    )


def _required_text(variables: Mapping[str, str], name: str) -> str:
    value = variables.get(name, "")
    if not value:
        raise GuardSettingsError(f"the environment variable {name} is not set")
    return value


def _parse_budget(text: str) -> Decimal:
    try:
        budget = Decimal(text)
    except InvalidOperation as error:
        raise GuardSettingsError(f"CFS_DAILY_BUDGET_USD is {text!r}, not a number of US dollars") from error
    if not budget.is_finite() or budget <= 0:
        raise GuardSettingsError(f"CFS_DAILY_BUDGET_USD is {text}, not above 0")
    return budget


def _parse_ladder(text: str) -> Ladder:
    try:
        return Ladder.parse_setting(text)
    except ValueError as error:
        raise GuardSettingsError(f"CFS_GUARD_LADDER: {error}") from error


def _parse_switch(variables: Mapping[str, str], name: str) -> bool:
    value = variables.get(name, "false")
    if value not in {"true", "false"}:
        raise GuardSettingsError(f"{name} is {value!r}, not true or false")
    return value == "true"
