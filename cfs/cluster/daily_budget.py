"""The day's budget, and whether a window fits it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from cfs.cluster.costs import Cost
from infra.naming import BUDGET, physical_name
from infra.tags import PROJECT_NAME
from terminal.errors import UserError

if TYPE_CHECKING:
    from cfs.aws import AwsAccount


@dataclass(frozen=True, kw_only=True)
class DailyBudget:
    """The day's budget in AWS Budgets.

    Attributes:
        name: Its name.
        usd: What a day may cost, in US dollars.
        counted: What AWS Budgets has counted of today, in US dollars: all that the account pays for, hours late.
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
    """Return what today has cost so far, at the least.

    AWS Budgets counts everything but is hours late; the estimate of the nodes is of now, and of them alone. They count
    the same nodes twice in part, so the larger one is taken and not their sum.
    """
    return Cost(usd=max(budget.counted, nodes.usd), unknown=nodes.unknown)


def check_budget(budget: DailyBudget, *, spent: Cost, ahead: Cost) -> None:
    """Refuse what would make today cost more than its budget.

    Args:
        budget: The day's.
        spent: What today has cost so far.
        ahead: What the cluster is going to cost today.
    """
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
            f"Whether the window fits the day's budget of ${budget.usd:.2f} cannot be told: AWS gives no price of "
            f"{', '.join(sorted(whole.unknown))}.",
            repair="wait some minutes, or add --force to start without knowing",
        )
