"""The alerts of the daily and the monthly budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class BudgetAlert:
    """An alert of a budget.

    Attributes:
        kind: `ACTUAL` for the cost so far, `FORECASTED` for the expected cost of the whole period.
        percentage: Threshold of the alert, in percent of the budget.
    """

    kind: Literal["ACTUAL", "FORECASTED"]
    percentage: int


DAILY_ALERTS = (BudgetAlert(kind="ACTUAL", percentage=80), BudgetAlert(kind="ACTUAL", percentage=100))
"""ACTUAL only, since AWS does not forecast DAILY budgets:
https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-best-practices.html"""

MONTHLY_ALERTS = (BudgetAlert(kind="FORECASTED", percentage=100), BudgetAlert(kind="ACTUAL", percentage=100))
"""The forecast warns while spending can still be reduced."""
