"""The day's meter: what has been spent since midnight, from what was seen running. Pure arithmetic.

It only ever grows: a run of an instance is counted up to a time that never goes back, so a tick that is repeated, or
two that overlap, count each second once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BILLED_STATES = frozenset({"pending", "running", "stopping", "shutting-down"})
"""States in which an instance counts. AWS does not bill all of them; the meter errs on the safe side."""

INSTANCES = "instances"
"""Name of the component that consists of the instances."""

_HOUR_SECONDS = 3600


@dataclass(frozen=True, kw_only=True)
class PricedInstance:
    """An instance as EC2 describes it, with its price.

    Attributes:
        id: Instance ID.
        state: Its state, such as `running`.
        launched: Its last start.
        ended: When it was stopped or terminated, if EC2 says so.
        usd_per_hour: Its price, that of its public IPv4 address included.
    """

    id: str
    state: str
    launched: datetime
    ended: datetime | None
    usd_per_hour: Decimal


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What one tick has measured.

    Attributes:
        at: When.
        instances: The instances that were described.
        has_all_instances: Whether the description is complete.
        hourly_usd: Price per hour of each component that stands, such as volumes; only of those measured.
        day_usd: Cost since midnight of each component that AWS counts, such as tokens; only of those measured.
    """

    at: datetime
    instances: tuple[PricedInstance, ...] = ()
    has_all_instances: bool = False
    hourly_usd: Mapping[str, Decimal] = field(default_factory=dict)
    day_usd: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class InstanceRun:
    """A run of an instance, from a start to its end.

    Attributes:
        id: Instance ID.
        launched: The start.
        counted_until: Up to when it has been counted.
        usd_per_hour: Its last price.
        is_open: Whether it was still running then.
    """

    id: str
    launched: datetime
    counted_until: datetime
    usd_per_hour: Decimal
    is_open: bool


@dataclass(frozen=True, kw_only=True)
class StandingCost:
    """What a component that stands has cost: its price per hour when last measured, counted up to a time."""

    usd: Decimal = Decimal(0)
    usd_per_hour: Decimal | None = None
    counted_until: datetime
    measured_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class CountedCost:
    """What a component that AWS counts has cost.

    Attributes:
        usd: Cost since midnight, assumed since the last count.
        counted_usd: Cost at the last count.
        counted_at: When that was.
        usd_per_hour: How fast it grew between the last two counts.
    """

    usd: Decimal = Decimal(0)
    counted_usd: Decimal = Decimal(0)
    counted_at: datetime
    usd_per_hour: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class DayMeter:
    """The meter of one day in UTC.

    Attributes:
        day: The day.
        at: Up to when it is read.
        runs: Runs of instances by `run_key`.
        instance_usd: What they have cost.
        instance_seconds: How long they have run.
        standing: Costs of components that stand, by name.
        counted: Costs of components that AWS counts, by name.
    """

    day: date
    at: datetime
    runs: Mapping[str, InstanceRun] = field(default_factory=dict)
    instance_usd: Decimal = Decimal(0)
    instance_seconds: int = 0
    standing: Mapping[str, StandingCost] = field(default_factory=dict)
    counted: Mapping[str, CountedCost] = field(default_factory=dict)

    @property
    def usd_by_component(self) -> dict[str, Decimal]:
        """US dollars since midnight by component."""
        standing = {name: cost.usd for name, cost in self.standing.items()}
        counted = {name: cost.usd for name, cost in self.counted.items()}
        return {INSTANCES: self.instance_usd, **standing, **counted}

    @property
    def usd(self) -> Decimal:
        """US dollars since midnight."""
        return sum(self.usd_by_component.values(), start=Decimal(0))

    @property
    def usd_per_hour(self) -> Decimal:
        """What it costs an hour at the moment, in US dollars."""
        running = (run.usd_per_hour for run in self.runs.values() if run.is_open)
        standing = (cost.usd_per_hour or Decimal(0) for cost in self.standing.values())
        counted = (cost.usd_per_hour for cost in self.counted.values())
        return sum((*running, *standing, *counted), start=Decimal(0))

    @property
    def forecast_usd(self) -> Decimal:
        """What the day will have cost at its end if it goes on as now, in US dollars."""
        left = day_start(self.day + timedelta(days=1)) - self.at
        return self.usd + self.usd_per_hour * Decimal(left // timedelta(seconds=1)) / _HOUR_SECONDS

    @classmethod
    def start_day(cls, day: date, before: DayMeter | None = None) -> Self:
        """Return the meter of a day at midnight, with the prices of what ran the day before."""
        midnight = day_start(day)
        if before is None or before.day != day - timedelta(days=1):
            return cls(day=day, at=midnight)
        return cls(
            day=day,
            at=midnight,
            runs={key: replace(run, counted_until=midnight) for key, run in before.runs.items() if run.is_open},
            standing={
                name: replace(cost, usd=Decimal(0), counted_until=midnight) for name, cost in before.standing.items()
            },
            counted={
                name: CountedCost(counted_at=midnight, usd_per_hour=cost.usd_per_hour)
                for name, cost in before.counted.items()
            },
        )


def day_start(day: date) -> datetime:
    """Return midnight in UTC, when AWS Budgets begins a day.

    https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-managing-costs.html
    """
    return datetime.combine(day, time(), tzinfo=UTC)


def run_key(identifier: str, launched: datetime) -> str:
    """Return the key of a run: an instance that is stopped and started again begins another one."""
    return f"{identifier}@{int(launched.timestamp())}"


def advance_meter(meter: DayMeter, measured: Measurement) -> DayMeter:
    """Count what a tick has measured; what it could not measure continues at its last price.

    A measurement after the day's end counts up to the end, an older one than the meter's adds what the meter lacks.
    """
    end = day_start(meter.day + timedelta(days=1))
    measured = replace(measured, at=min(measured.at.replace(microsecond=0), end))
    counted = _Counting(meter, measured)
    for instance in measured.instances:
        counted.count_instance(instance)
    counted.count_unseen()
    return replace(
        meter,
        at=max(meter.at, measured.at),
        runs=counted.runs,
        instance_usd=counted.usd,
        instance_seconds=counted.seconds,
        standing=_advance_standing(meter, measured),
        counted=_advance_counted(meter, measured),
    )


class _Counting:
    """The runs of a meter while a measurement is counted."""

    def __init__(self, meter: DayMeter, measured: Measurement) -> None:
        self.midnight = day_start(meter.day)
        self.meter = meter
        self.measured = measured
        self.runs = dict(meter.runs)
        self.usd = meter.instance_usd
        self.seconds = meter.instance_seconds
        self.seen: set[str] = set()

    def count_instance(self, instance: PricedInstance) -> None:
        """Count an instance that was described."""
        launched = instance.launched.replace(microsecond=0)
        key = run_key(instance.id, launched)
        self.seen.add(key)
        known = self.runs.get(key)
        is_open = instance.state in BILLED_STATES
        ended = self._end_of(instance, known) if not is_open else self.measured.at
        if ended is None or ended <= self.midnight:
            if known is not None:
                self.runs[key] = replace(known, is_open=False)
            return
        run = known or InstanceRun(
            id=instance.id,
            launched=launched,
            counted_until=max(launched, self.midnight),
            usd_per_hour=instance.usd_per_hour,
            is_open=True,
        )
        is_stale = self.measured.at < self.meter.at
        self._count_run(
            key,
            replace(run, usd_per_hour=instance.usd_per_hour, is_open=run.is_open if is_stale and known else is_open),
            until=min(ended, self.measured.at),
        )

    def count_unseen(self) -> None:
        """Count open runs that were not described: until now, and on, unless the description was complete."""
        if self.measured.at < self.meter.at:
            return
        for key, run in list(self.runs.items()):
            if key not in self.seen and run.is_open:
                self._count_run(key, replace(run, is_open=not self.measured.has_all_instances), until=self.measured.at)

    def _end_of(self, instance: PricedInstance, known: InstanceRun | None) -> datetime | None:
        """Return the end of a run that is over, the latest possible one if EC2 does not say; None: long ago.

        EC2 shows the time of an end only if a person or a program caused it, not of a spot interruption.
        """
        if instance.ended is not None:
            return instance.ended.replace(microsecond=0)
        if known is not None:
            return self.measured.at if known.is_open else known.counted_until
        return self.measured.at if instance.state == "terminated" else None

    def _count_run(self, key: str, run: InstanceRun, *, until: datetime) -> None:
        seconds = max(int((until - run.counted_until).total_seconds()), 0)
        self.seconds += seconds
        self.usd += run.usd_per_hour * seconds / _HOUR_SECONDS
        self.runs[key] = replace(run, counted_until=max(run.counted_until, until))


def _advance_standing(meter: DayMeter, measured: Measurement) -> dict[str, StandingCost]:
    costs = dict(meter.standing)
    for name in _all_names(meter.standing, measured.hourly_usd):
        cost = costs.get(name) or StandingCost(counted_until=day_start(meter.day))
        new = measured.hourly_usd.get(name)
        # The higher of two prices counts for the time between them.
        rates = [rate for rate in (cost.usd_per_hour, new) if rate is not None]
        seconds = max(int((measured.at - cost.counted_until).total_seconds()), 0)
        if not rates:
            continue
        costs[name] = StandingCost(
            usd=cost.usd + max(rates) * seconds / _HOUR_SECONDS,
            usd_per_hour=cost.usd_per_hour if new is None else new,
            counted_until=max(cost.counted_until, measured.at),
            measured_at=cost.measured_at if new is None else measured.at,
        )
    return costs


def _advance_counted(meter: DayMeter, measured: Measurement) -> dict[str, CountedCost]:
    costs = dict(meter.counted)
    for name in _all_names(meter.counted, measured.day_usd):
        cost = costs.get(name) or CountedCost(counted_at=day_start(meter.day))
        total = measured.day_usd.get(name)
        elapsed = Decimal(max(int((measured.at - cost.counted_at).total_seconds()), 0)) / _HOUR_SECONDS
        if total is None:
            costs[name] = replace(cost, usd=max(cost.usd, cost.counted_usd + cost.usd_per_hour * elapsed))
        elif elapsed:
            costs[name] = CountedCost(
                usd=max(cost.usd, total),
                counted_usd=max(cost.counted_usd, total),
                counted_at=measured.at,
                usd_per_hour=max(total - cost.counted_usd, Decimal(0)) / elapsed,
            )
        else:
            costs[name] = replace(cost, usd=max(cost.usd, total), counted_usd=max(cost.counted_usd, total))
    return costs


def _all_names(known: Iterable[str], measured: Iterable[str]) -> list[str]:
    return sorted({*known, *measured})
