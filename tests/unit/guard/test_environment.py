"""Settings come from the function's variables, and a wrong one is named."""

from __future__ import annotations

from decimal import Decimal

import pytest

from guard.environment import GuardSettingsError, read_settings
from guard.ladder import LadderStep

VARIABLES = {
    "AWS_REGION": "us-west-2",
    "CFS_PROJECT": "claudefs",
    "CFS_ENVIRONMENT": "test",
    "CFS_LEDGER_TABLE": "ledger",
    "CFS_ALERT_TOPIC_ARN": "arn:aws:sns:us-west-2:{ACCOUNT}:alerts",
    "CFS_AGENT_MODE_PARAMETER": "mode",
    "CFS_DAILY_BUDGET_USD": "100",
    "CFS_GUARD_LADDER": (
        '{"note": 50, "economy": 80, "blockLaunches": 90, "stopCluster": 100, "stopOrchestrator": 120,'
        ' "mayStopOrchestrator": true}'
    ),
    "CFS_DRY_RUN": "true",
}


def test_settings_are_read_from_the_functions_variables() -> None:
    settings = read_settings(VARIABLES)
    assert (settings.budget_usd, settings.is_dry_run, settings.orchestrator_id) == (Decimal(100), True, "")
    assert settings.ladder.percentages[LadderStep.STOP_ORCHESTRATOR] == 120
    assert settings.ladder.may_stop_orchestrator


@pytest.mark.parametrize("name", sorted(VARIABLES.keys() - {"CFS_DRY_RUN"}))
def test_a_variable_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(GuardSettingsError, match=name):
        read_settings({key: value for key, value in VARIABLES.items() if key != name})


@pytest.mark.parametrize(
    "name, value",
    [
        ("CFS_DAILY_BUDGET_USD", "a hundred"),
        ("CFS_DAILY_BUDGET_USD", "0"),
        ("CFS_DAILY_BUDGET_USD", "NaN"),
        ("CFS_GUARD_LADDER", "{"),
        ("CFS_DRY_RUN", "yes"),
    ],
)
def test_a_variable_with_a_wrong_value_is_named(name: str, value: str) -> None:
    with pytest.raises(GuardSettingsError, match=name):
        read_settings({**VARIABLES, name: value})
