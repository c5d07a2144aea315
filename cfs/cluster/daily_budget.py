"""The daily budget, and the check that a window fits it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from costs.running_costs import Cost
from infra.naming import BUDGET, physical_name
from infra.tags import PROJECT_NAME
from terminal.errors import UserError

if TYPE_CHECKING:
    from cfs.aws import AwsAccount


@dataclass(frozen=True, kw_only=True)
class DailyBudget:
    """The daily budget in AWS Budgets.

    Attributes:
        name: Name of the budget.
        usd: Limit of a day, in US dollars.
        counted: Today's spend of the whole account in AWS Budgets, which is hours late.
    """

    name: str
    usd: Decimal
    counted: Decimal


def read_budget(aws: AwsAccount, environment: str) -> DailyBudget:
    """Read the environment's daily budget."""
    name = physical_name(BUDGET, PROJECT_NAME, environment, "daily")
    answer = aws.call_operation("budgets", "describe_budget", AccountId=aws.account_id(), BudgetName=name)["Budget"]
    spent = answer.get("CalculatedSpend", {}).get("ActualSpend", {}).get("Amount", "0")
    return DailyBudget(name=name, usd=Decimal(answer["BudgetLimit"]["Amount"]), counted=Decimal(spent))


def spent_today(budget: DailyBudget, nodes: Cost) -> Cost:
    """Return today's cost so far, at least.

    AWS Budgets counts everything but is hours late; the estimate is current but covers only the nodes. Both count the
    same nodes, so the larger one is taken, not their sum.
    """
    return Cost(usd=max(budget.counted, nodes.usd), unknown=nodes.unknown)


def check_budget(budget: DailyBudget, *, spent: Cost, ahead: Cost) -> None:
    """Refuse a window whose cost (`ahead`, added to `spent`) exceeds today's budget."""
    whole = spent + ahead
    if whole.usd > budget.usd:
        raise UserError(
            f"Today (UTC) has cost {spent.dollar_text()} so far, "
            f"and the cluster would cost {ahead.dollar_text()} more by midnight: "
            f"over the day's budget of ${budget.usd:.2f} ({budget.name}).",
            repair="give a shorter --for or fewer groups by --group, raise the setting dailyBudgetUsd, or add --force",
        )
    if whole.unknown:
        raise UserError(
            f"The window cannot be compared with the day's budget of ${budget.usd:.2f}: AWS shows no price of "
            f"{', '.join(sorted(whole.unknown))}.",
            repair="wait some minutes, or add --force to start anyway",
        )
