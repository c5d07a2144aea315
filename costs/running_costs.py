"""Cost of nodes from their running times and prices. Pure arithmetic, in exact decimals."""

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
    """Unit of pricing: an instance type in an availability zone, or in "" on demand, where the region has one price."""

    instance_type: str
    zone: str

    def __str__(self) -> str:
        """Return its name for people."""
        return f"{self.instance_type} in {self.zone}" if self.zone else f"{self.instance_type} on demand"


@dataclass(frozen=True, kw_only=True)
class NodeRun:
    """Running time of a node.

    Attributes:
        id: Instance ID.
        group: Name of its node group.
        pools: Its possible capacity pools: one while EC2 still describes the instance, later all of its group.
        market: Purchase option.
        began: Launch, or the start of the examined period if later.
        ended: Termination; None while it runs.
    """

    id: str
    group: str
    pools: tuple[CapacityPool, ...]
    market: Market
    began: datetime
    ended: datetime | None


@dataclass(frozen=True, kw_only=True)
class PriceStep:
    """Price per hour since a time, in US dollars."""

    since: datetime
    usd: Decimal


@dataclass(frozen=True, kw_only=True)
class KnownPrices:
    """Prices per hour in US dollars: spot prices over time, oldest first, and on-demand prices by instance type."""

    spot: Mapping[CapacityPool, Sequence[PriceStep]]
    on_demand: Mapping[str, Decimal]

    def price_steps(self, pool: CapacityPool) -> Sequence[PriceStep]:
        """Return a pool's prices over time; empty if unknown."""
        if pool.zone:
            return self.spot.get(pool, ())
        usd = self.on_demand.get(pool.instance_type)
        return () if usd is None else (PriceStep(since=datetime.min.replace(tzinfo=UTC), usd=usd),)

    def current_price(self, pool: CapacityPool) -> Decimal | None:
        """Return a pool's current price per hour, or None if unknown."""
        steps = self.price_steps(pool)
        return steps[-1].usd if steps else None


@dataclass(frozen=True, kw_only=True)
class Cost:
    """A sum of money.

    Attributes:
        usd: The known part, in US dollars.
        unknown: Names of what it omits because the price is unknown; empty if complete.
    """

    usd: Decimal = Decimal(0)
    unknown: frozenset[str] = frozenset()

    def __add__(self, other: Cost) -> Cost:
        """Add two sums and their omissions."""
        return Cost(usd=self.usd + other.usd, unknown=self.unknown | other.unknown)

    def dollar_text(self) -> str:
        """Return it for people, to the cent; with `at least`, or `unknown`, if prices are missing."""
        if not self.unknown:
            return f"${self.usd:.2f}"
        return f"at least ${self.usd:.2f}" if self.usd else "unknown"


def total_cost(costs: Iterable[Cost]) -> Cost:
    """Return the sum of costs."""
    return sum(costs, start=Cost())


def run_cost(run: NodeRun, prices: KnownPrices, *, until: datetime) -> Cost:
    """Return a node's cost until a time."""
    ended = min(run.ended or until, until)
    return _highest_cost(
        run.pools, [_pool_cost(pool, prices, began=run.began, ended=ended) for pool in run.pools], subject=run.id
    )


def hourly_cost(runs: Iterable[NodeRun], prices: KnownPrices) -> Cost:
    """Return the cost per hour of the running nodes."""
    running = (run for run in runs if run.ended is None)
    return total_cost(
        _highest_cost(run.pools, [prices.current_price(pool) for pool in run.pools], subject=run.id) for run in running
    )


def new_nodes_cost(pools: Sequence[CapacityPool], prices: KnownPrices, *, nodes: int, duration: timedelta) -> Cost:
    """Return the cost of new nodes at current prices, in the most expensive pool that AWS may choose."""
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

    AWS has no price for a pool that it does not offer, so a missing price counts only if all are missing.
    """
    known = [usd for usd in amounts if usd is not None]
    if known:
        return Cost(usd=max(known))
    return Cost(unknown=frozenset(map(str, pools)) or frozenset({f"the type of {subject}"}))


def _pool_cost(pool: CapacityPool, prices: KnownPrices, *, began: datetime, ended: datetime) -> Decimal | None:
    """Return a node's cost in one pool, or None if a part of its time has no price."""
    steps = prices.price_steps(pool)
    if ended <= began:
        return Decimal(0)
    if not steps or steps[0].since > began:
        return None
    ends = [step.since for step in steps[1:]] + [ended]
    spans = ((min(end, ended) - max(step.since, began), step.usd) for step, end in zip(steps, ends, strict=True))
    return sum((duration_hours(span) * usd for span, usd in spans if span > timedelta(0)), start=Decimal(0))
