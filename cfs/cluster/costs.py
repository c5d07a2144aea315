"""What nodes cost: from how long each ran and what its price was meanwhile. Arithmetic only, in exact decimals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Market = Literal["spot", "on-demand"]

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class CapacityPool:
    """What a price is for.

    Attributes:
        instance_type: The type.
        zone: The availability zone; "" on demand, where the price is the region's.
    """

    instance_type: str
    zone: str

    def __str__(self) -> str:
        """Name it."""
        return f"{self.instance_type} in {self.zone}" if self.zone else f"{self.instance_type} on demand"


@dataclass(frozen=True, kw_only=True)
class NodeRun:
    """A node's time.

    Attributes:
        id: The instance.
        group: Name of its node group.
        pools: What it may have run on: one, while EC2 still describes the instance; later all that its group may use.
        market: How it is paid for.
        began: When it was launched, or the beginning of what is looked at if that was before.
        ended: When it was terminated; None while it runs.
    """

    id: str
    group: str
    pools: tuple[CapacityPool, ...]
    market: Market
    began: datetime
    ended: datetime | None


@dataclass(frozen=True, kw_only=True)
class PriceStep:
    """A price an hour from a moment on, in US dollars."""

    since: datetime
    usd: Decimal


@dataclass(frozen=True, kw_only=True)
class KnownPrices:
    """What is known of prices.

    Attributes:
        spot: Steps of the spot prices, the oldest first.
        on_demand: Prices an hour on demand, in US dollars, by instance type.
    """

    spot: Mapping[CapacityPool, Sequence[PriceStep]]
    on_demand: Mapping[str, Decimal]

    def price_steps(self, pool: CapacityPool) -> Sequence[PriceStep]:
        """Return what is known of one price; nothing where it is unknown."""
        if pool.zone:
            return self.spot.get(pool, ())
        usd = self.on_demand.get(pool.instance_type)
        return () if usd is None else (PriceStep(since=datetime.min.replace(tzinfo=UTC), usd=usd),)

    def current_price(self, pool: CapacityPool) -> Decimal | None:
        """Return a price an hour as it is now, or None where it is unknown."""
        steps = self.price_steps(pool)
        return steps[-1].usd if steps else None


@dataclass(frozen=True, kw_only=True)
class Cost:
    """A sum of money.

    Attributes:
        usd: What is known of it, in US dollars.
        unknown: What it leaves out since its price is unknown; empty for a sum that is whole.
    """

    usd: Decimal = Decimal(0)
    unknown: frozenset[str] = frozenset()

    def __add__(self, other: Cost) -> Cost:
        """Add two sums, and what each leaves out."""
        return Cost(usd=self.usd + other.usd, unknown=self.unknown | other.unknown)

    def dollar_text(self) -> str:
        """Write it for people: to the cent; with `at least` or as unknown where prices are missing."""
        if not self.unknown:
            return f"${self.usd:.2f}"
        return f"at least ${self.usd:.2f}" if self.usd else "unknown"


def total_cost(costs: Iterable[Cost]) -> Cost:
    """Add sums up."""
    return sum(costs, start=Cost())


def run_cost(run: NodeRun, prices: KnownPrices, *, until: datetime) -> Cost:
    """Return what a node has cost until a moment."""
    ended = min(run.ended or until, until)
    return _highest_cost(
        run.pools, [_pool_cost(pool, prices, began=run.began, ended=ended) for pool in run.pools], subject=run.id
    )


def hourly_cost(runs: Iterable[NodeRun], prices: KnownPrices) -> Cost:
    """Return what the nodes that run now cost an hour."""
    running = (run for run in runs if run.ended is None)
    return total_cost(
        _highest_cost(run.pools, [prices.current_price(pool) for pool in run.pools], subject=run.id) for run in running
    )


def new_nodes_cost(pools: Sequence[CapacityPool], prices: KnownPrices, *, nodes: int, duration: timedelta) -> Cost:
    """Return what nodes to come cost for a while, as priced now; which pool AWS takes is not known beforehand."""
    if not nodes or duration <= timedelta(0):
        return Cost()
    one = _highest_cost(pools, [prices.current_price(pool) for pool in pools], subject="a new node")
    return Cost(usd=one.usd * nodes * duration_hours(duration), unknown=one.unknown)


def duration_hours(duration: timedelta) -> Decimal:
    """Return a duration in hours, exactly."""
    microseconds = duration // timedelta(microseconds=1)
    return Decimal(microseconds) / Decimal(_HOUR // timedelta(microseconds=1))


def _highest_cost(pools: Sequence[CapacityPool], amounts: Sequence[Decimal | None], *, subject: str) -> Cost:
    """Return the largest amount, so that an estimate errs on the safe side.

    AWS gives no price of a pool that it does not offer, so one that is unknown counts only where all are.
    """
    known = [usd for usd in amounts if usd is not None]
    if known:
        return Cost(usd=max(known))
    return Cost(unknown=frozenset(map(str, pools)) or frozenset({f"the type of {subject}"}))


def _pool_cost(pool: CapacityPool, prices: KnownPrices, *, began: datetime, ended: datetime) -> Decimal | None:
    """Return what a node on one pool costs, or None where a part of its time has no price."""
    steps = prices.price_steps(pool)
    if ended <= began:
        return Decimal(0)
    if not steps or steps[0].since > began:
        return None
    ends = [step.since for step in steps[1:]] + [ended]
    spans = ((min(end, ended) - max(step.since, began), step.usd) for step, end in zip(steps, ends, strict=True))
    return sum((duration_hours(span) * usd for span, usd in spans if span > timedelta(0)), start=Decimal(0))
