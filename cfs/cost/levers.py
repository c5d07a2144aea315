"""Levers of the savings plan, each with its saving per day: the difference of estimates with and without the lever."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from cfs.cost.stack_estimate import estimate_components, sum_costs
from cfs.cost.stack_usage import ALWAYS, GroupUsage, StackUsage
from costs.price_list import token_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from costs.price_list import PriceList

DATA_VOLUME_GIB = 1875
"""Data volume of each storage node in ClaudeFS's former Terraform, in addition to local disks of the same size."""

FORMER_MODELS: Mapping[str, Decimal] = {
    "global.anthropic.claude-opus-4-6-v1": Decimal("0.2"),
    "global.anthropic.claude-sonnet-4-6": Decimal("0.6"),
    "us.anthropic.claude-haiku-4-5-20251001-v1:0": Decimal("0.2"),
}
"""Former share of each model in the agents' tokens, from ClaudeFS's docs/PHASE3-PRODUCTION-READINESS.md."""

BATCH_SHARE = Decimal("0.1")
"""Share of the tokens that could wait for batch inference: an assumption, for the watchdog's diagnostics."""

SMALLER_ORCHESTRATOR = "c7a.xlarge"


@dataclass(frozen=True, kw_only=True)
class Lever:
    """A lever of the savings plan.

    Attributes:
        name: Name in the savings plan.
        summary: Description.
        is_applied: Returns whether the settings apply the lever.
        changed: Returns the usage without the lever if it is applied, else with it.
    """

    name: str
    summary: str
    is_applied: Callable[[StackUsage], bool]
    changed: Callable[[StackUsage], StackUsage]


@dataclass(frozen=True, kw_only=True)
class LeverSaving:
    """Saving of a lever, in US dollars per day on the year's average."""

    name: str
    summary: str
    is_applied: bool
    usd: Decimal


def price_levers(usage: StackUsage, prices: PriceList) -> tuple[LeverSaving, ...]:
    """Return the saving of each lever that is applied, and the possible saving of each other lever.

    Raises:
        PriceError: A price is missing or stale.
    """
    now = sum_costs(estimate_components(usage, prices)).average
    return tuple(_price_lever(lever, usage, prices, now) for lever in (*LEVERS, _batching_lever(prices)))


def _price_lever(lever: Lever, usage: StackUsage, prices: PriceList, now: Decimal) -> LeverSaving:
    applied = lever.is_applied(usage)
    other = sum_costs(estimate_components(lever.changed(usage), prices)).average
    return LeverSaving(
        name=lever.name,
        summary=lever.summary,
        is_applied=applied,
        usd=other - now if applied else now - other,
    )


def _token_total(usage: StackUsage) -> Mapping[str, Decimal]:
    kinds = {kind for millions in usage.tokens.values() for kind in millions}
    return {kind: sum((each.get(kind, Decimal(0)) for each in usage.tokens.values()), Decimal(0)) for kind in kinds}


def _with_former_models(usage: StackUsage) -> StackUsage:
    total = _token_total(usage)
    tokens = {model: {kind: count * share for kind, count in total.items()} for model, share in FORMER_MODELS.items()}
    return replace(usage, tokens=tokens)


def _batching_lever(prices: PriceList) -> Lever:
    """Return the lever of batch inference, for models with a batch price."""

    def move(model: str, millions: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
        if not all(token_name(model, kind) in prices.prices for kind in ("batch-input", "batch-output")):
            return millions
        moved = {f"batch-{kind}": millions.get(kind, Decimal(0)) * BATCH_SHARE for kind in ("input", "output")}
        rest = {kind: count * (1 - BATCH_SHARE) for kind, count in millions.items() if kind in ("input", "output")}
        return {**millions, **rest, **moved}

    return Lever(
        name="batching",
        summary=f"{BATCH_SHARE:.0%} of the tokens by batch inference, at half the price",
        is_applied=lambda usage: any("batch" in kind for millions in usage.tokens.values() for kind in millions),
        changed=lambda usage: replace(
            usage, tokens={model: move(model, millions) for model, millions in usage.tokens.items()}
        ),
    )


def _change_groups(usage: StackUsage, change: Callable[[GroupUsage], GroupUsage]) -> StackUsage:
    return replace(usage, groups=tuple(map(change, usage.groups)))


def _add_data_volume(group: GroupUsage) -> GroupUsage:
    return replace(group, disk_gib=group.disk_gib + DATA_VOLUME_GIB) if group.role == "storage" else group


LEVERS = (
    Lever(
        name="model selection",
        summary="the agents' model is Haiku 4.5 instead of 20 % Opus, 60 % Sonnet, 20 % Haiku",
        is_applied=lambda usage: all("haiku" in model for model in usage.tokens),
        changed=_with_former_models,
    ),
    Lever(
        name="right-sizing",
        summary=f"the orchestrator on {SMALLER_ORCHESTRATOR}, with half the processors for the agents' builds",
        is_applied=lambda usage: usage.orchestrator_type == SMALLER_ORCHESTRATOR,
        changed=lambda usage: replace(usage, orchestrator_type=SMALLER_ORCHESTRATOR),
    ),
    Lever(
        name="schedules",
        summary="nodes at the schedule's hours instead of always",
        is_applied=lambda usage: any(group.hours != ALWAYS for group in usage.groups),
        changed=lambda usage: _change_groups(usage, lambda group: replace(group, hours=ALWAYS)),
    ),
    Lever(
        name="storage",
        summary=f"data on local disks instead of a volume of {DATA_VOLUME_GIB} GiB for each storage node",
        is_applied=lambda usage: all(
            group.disk_gib < DATA_VOLUME_GIB for group in usage.groups if group.role == "storage"
        ),
        changed=lambda usage: _change_groups(usage, _add_data_volume),
    ),
    Lever(
        name="spot",
        summary="spot instances instead of on demand",
        is_applied=lambda usage: any(group.on_demand < group.count for group in usage.groups),
        changed=lambda usage: _change_groups(usage, lambda group: replace(group, on_demand=group.count)),
    ),
    Lever(
        name="instance types",
        summary="the cheapest of several instance types on spot instead of the usual one",
        is_applied=lambda usage: any(len(group.instance_types) > 1 for group in usage.groups),
        changed=lambda usage: _change_groups(
            usage, lambda group: replace(group, instance_types=group.instance_types[:1])
        ),
    ),
    Lever(
        name="egress",
        summary="a public address for each machine, which nothing reaches, instead of a NAT gateway",
        is_applied=lambda usage: not usage.has_nat,
        changed=lambda usage: replace(usage, has_nat=not usage.has_nat),
    ),
)
"""Levers of the savings plan except batching, and further savings of the stack."""
