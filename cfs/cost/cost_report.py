"""A cost estimate as table, figures and Markdown, compared with the day's limit and the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cfs.cost.levers import price_levers
from cfs.cost.stack_estimate import DAYS_PER_MONTH, DayCost, estimate_components, sum_costs
from terminal.markdown import markdown_table
from terminal.results import CommandResult, ResultTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from decimal import Decimal

    from cfs.cost.levers import LeverSaving
    from cfs.cost.stack_estimate import ComponentCost
    from cfs.cost.stack_usage import StackUsage
    from costs.price_list import PriceList

TARGET_USD = 70
"""Daily target of ClaudeFS's cost plan, in US dollars."""


@dataclass(frozen=True, kw_only=True)
class CostReport:
    """Cost of a stack.

    Attributes:
        environment: The stack's name.
        limit_usd: Limit of a day: the setting `dailyBudgetUsd`.
        components: Cost of each component.
        before: Cost of each component before a change; None if no change is priced.
        levers: Saving of each lever of the savings plan.
        region: AWS region.
        oldest: Date of the oldest price in the region's price list.
        stands_for: Region whose prices are used where those of `region` are unknown; "" if none.
    """

    environment: str
    limit_usd: int
    components: Sequence[ComponentCost]
    before: Sequence[ComponentCost] | None
    levers: Sequence[LeverSaving]
    region: str
    oldest: date
    stands_for: str

    @property
    def is_over(self) -> bool:
        """Whether a day on which the cluster runs costs more than the limit, at current prices."""
        return sum_costs(self.components).running_day > self.limit_usd


def make_cost_report(
    usage: StackUsage, prices: PriceList, *, environment: str, limit_usd: int, before: Sequence[StackUsage] | None
) -> CostReport:
    """Return the cost report of a stack's usage.

    Args:
        usage: Usage of the stack.
        prices: Prices of the stack's region.
        environment: The stack's name.
        limit_usd: Limit of a day.
        before: Usage before a change: one element, or none if the change creates the stack; None if there is no change.

    Raises:
        PriceError: A price is missing or stale.
    """
    components = estimate_components(usage, prices)
    levers = price_levers(usage, prices)
    return CostReport(
        environment=environment,
        limit_usd=limit_usd,
        components=components,
        before=None if before is None else [part for each in before for part in estimate_components(each, prices)],
        levers=levers,
        region=prices.region,
        oldest=min(price.dated for price in prices.prices.values()),
        stands_for=next((price.stands_for for price in prices.prices.values() if price.stands_for), ""),
    )


def present_cost_report(report: CostReport) -> CommandResult:
    """Return a report as a table with notes, and as figures."""
    rows = [_cost_row(part.name, part.cost) for part in report.components]
    rows += [_cost_row(name, cost) for name, cost in _totals(report.components)]
    return CommandResult(
        table=ResultTable(
            title=f"{report.environment}: US dollars a day",
            columns=("component", "average", "month", "running day", "all on demand"),
            rows=rows,
        ),
        notes=[*_change_notes(report), *_lever_notes(report), *_bound_notes(report)],
        figures=cost_figures(report),
        exit_code=int(report.is_over),
    )


def cost_figures(report: CostReport) -> dict[str, Any]:
    """Return a report as figures for programs."""
    total = sum_costs(report.components)
    figures = {
        "environment": report.environment,
        "region": report.region,
        "limit_usd": report.limit_usd,
        "target_usd": TARGET_USD,
        "over_limit": report.is_over,
        "per_day_usd": _category_figures(report.components, "average"),
        "per_month_usd": {
            name: _cents(cost.average * DAYS_PER_MONTH) for name, cost in _named_totals(report.components).items()
        },
        "per_running_day_usd": _category_figures(report.components, "running_day"),
        "per_day_all_on_demand_usd": _cents(total.worst_day),
        "levers": [
            {"name": lever.name, "summary": lever.summary, "applied": lever.is_applied, "saves_usd": _cents(lever.usd)}
            for lever in report.levers
        ],
        "prices": {"oldest": str(report.oldest), "stands_for": report.stands_for},
    }
    if report.before is not None:
        before = sum_costs(report.before)
        figures["change_usd"] = {
            "before": _cents(before.average),
            "after": _cents(total.average),
            "difference": _cents(total.average - before.average),
        }
    return figures


def cost_markdown(report: CostReport) -> str:
    """Return a report for a comment or a job summary: before, after and difference of each changed component."""
    after = {part.name: part.cost for part in report.components}
    before = {part.name: part.cost for part in report.before or ()}
    names = [name for name in {**after, **before} if report.before is not None]
    changed = [name for name in names if before.get(name, DayCost()) != after.get(name, DayCost())]
    rows = [_difference_row(name, before.get(name, DayCost()), after.get(name, DayCost())) for name in changed]
    total = sum_costs(report.components)
    if report.before is not None:
        rows.append(_difference_row("**total**", sum_costs(report.before), total))
        table = markdown_table(("US dollars a day", "before", "after", "difference"), rows)
    else:
        table = markdown_table(
            ("US dollars a day", "average", "running day"),
            [(name, _dollars(cost.average), _dollars(cost.running_day)) for name, cost in _totals(report.components)],
        )
    notes = "\n".join(f"- {note}" for note in _bound_notes(report))
    return f"**Cost of {report.environment}**\n\n{table.rstrip()}\n\n{notes}\n"


def _named_totals(components: Sequence[ComponentCost]) -> Mapping[str, DayCost]:
    return {
        "total": sum_costs(components),
        "infrastructure": sum_costs(components, "infrastructure"),
        "agents": sum_costs(components, "agents"),
    }


def _totals(components: Sequence[ComponentCost]) -> list[tuple[str, DayCost]]:
    totals = _named_totals(components)
    return [(name, totals[name]) for name in ("infrastructure", "agents", "total")]


def _category_figures(components: Sequence[ComponentCost], which: str) -> dict[str, Any]:
    totals = {name: _cents(getattr(cost, which)) for name, cost in _named_totals(components).items()}
    return {**totals, "components": {part.name: _cents(getattr(part.cost, which)) for part in components}}


def _cost_row(name: str, cost: DayCost) -> tuple[str, ...]:
    monthly = cost.average * DAYS_PER_MONTH
    return (name, *map(_dollars, (cost.average, monthly, cost.running_day, cost.worst_day)))


def _difference_row(name: str, before: DayCost, after: DayCost) -> tuple[str, ...]:
    difference = after.average - before.average
    return name, _dollars(before.average), _dollars(after.average), f"{difference:+.2f}"


def _change_notes(report: CostReport) -> list[str]:
    if report.before is None:
        return []
    before, after = sum_costs(report.before).average, sum_costs(report.components).average
    return [f"Change: ${before:.2f} a day before, ${after:.2f} after, {after - before:+.2f} dollars a day."]


def _lever_notes(report: CostReport) -> list[str]:
    return [
        f"Lever {lever.name}: {'saves' if lever.is_applied else 'would save'} ${lever.usd:.2f} a day ({lever.summary})."
        for lever in report.levers
    ]


def _bound_notes(report: CostReport) -> list[str]:
    total = sum_costs(report.components)
    limit = "over" if report.is_over else "within"
    worst = f"${total.worst_day:.2f}"
    target = "over" if total.average > TARGET_USD else "within"
    same = f"; prices of {report.stands_for} stand for {report.region}'s where unknown" if report.stands_for else ""
    return [
        f"A running day is {limit} the limit of ${report.limit_usd}: ${total.running_day:.2f}; all on demand: {worst}.",
        f"The year's average is {target} the target of ${TARGET_USD}: ${total.average:.2f} a day.",
        f"Prices are of {report.oldest} and later{same}.",
    ]


def _dollars(usd: Decimal) -> str:
    return f"{usd:.2f}"


def _cents(usd: Decimal) -> float:
    return float(round(usd, 4))
