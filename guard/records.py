"""The ledger's records, and how they are written: what the guard remembers between two ticks."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from guard.meter import CountedCost, DayMeter, InstanceRun, StandingCost, run_key

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """What Cost Explorer has billed for a day, against the meter.

    Attributes:
        day: The day.
        billed_usd: What was billed.
        metered_usd: What the guard had metered.
    """

    day: date
    billed_usd: Decimal
    metered_usd: Decimal

    @property
    def drift_percent(self) -> Decimal | None:
        """How much more was billed than metered, in percent; None if nothing was metered."""
        return (self.billed_usd / self.metered_usd - 1) * 100 if self.metered_usd else None


@dataclass(frozen=True, kw_only=True)
class DayRecord:
    """What the guard knows of a day.

    Attributes:
        meter: What was spent.
        announced: What people were told today, by key: a step, or a call that fails.
        slow_reading_at: When volumes, NAT gateways, addresses and spot prices were read last.
        spot_usd: Spot prices per hour by capacity pool, `TYPE ZONE`.
        nat_gateways: IDs of the NAT gateways.
        billing_reads: How often Cost Explorer was asked today.
        reconciliation: What it has said.
    """

    meter: DayMeter
    announced: frozenset[str] = frozenset()
    slow_reading_at: datetime | None = None
    spot_usd: Mapping[str, Decimal] = field(default_factory=dict)
    nat_gateways: tuple[str, ...] = ()
    billing_reads: int = 0
    reconciliation: Reconciliation | None = None

    @classmethod
    def start_day(cls, day: date, before: DayRecord | None) -> Self:
        """Return the record of a day at midnight."""
        meter = DayMeter.start_day(day, before.meter if before else None)
        if before is None:
            return cls(meter=meter)
        return cls(
            meter=meter,
            slow_reading_at=before.slow_reading_at,
            spot_usd=before.spot_usd,
            nat_gateways=before.nat_gateways,
            reconciliation=before.reconciliation,
        )


@dataclass(frozen=True, kw_only=True)
class HeldGroup:
    """How a group was before the guard changed it.

    Attributes:
        sizes: Its minimum, maximum and desired capacity; None if the guard has not changed them.
        suspended: Processes that the guard has suspended.
    """

    sizes: tuple[int, int, int] | None = None
    suspended: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class HeldChanges:
    """What the guard has changed and must restore.

    Attributes:
        groups: Auto Scaling groups by name.
        agents_before: The agents' mode before; None if the guard has not changed it.
        agents_set: The mode that the guard has set last, or "".
        orchestrator: ID of the orchestrator that it has stopped, or "".
    """

    groups: Mapping[str, HeldGroup] = field(default_factory=dict)
    agents_before: str | None = None
    agents_set: str = ""
    orchestrator: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to restore."""
        return not self.groups and self.agents_before is None and not self.orchestrator


def encode_day(record: DayRecord) -> bytes:
    """Return a day's record as the ledger keeps it: compressed, so that a day of thousands of instances fits an item.

    DynamoDB's limit is 400 KB:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-items
    """
    meter = record.meter
    text = {
        "day": meter.day.isoformat(),
        "at": _to_seconds(meter.at),
        "usd": str(meter.instance_usd),
        "seconds": meter.instance_seconds,
        # Columns compress to half of what rows take.
        "runs": list(zip(*(_encode_run(run) for run in meter.runs.values()), strict=True)),
        "standing": {
            name: [
                str(cost.usd),
                _optional_text(cost.usd_per_hour),
                _to_seconds(cost.counted_until),
                _optional_seconds(cost.measured_at),
            ]
            for name, cost in meter.standing.items()
        },
        "counted": {
            name: [str(cost.usd), str(cost.counted_usd), _to_seconds(cost.counted_at), str(cost.usd_per_hour)]
            for name, cost in meter.counted.items()
        },
        "announced": sorted(record.announced),
        "slow": _optional_seconds(record.slow_reading_at),
        "spot": {pool: str(usd) for pool, usd in record.spot_usd.items()},
        "nat": record.nat_gateways,
        "billing": record.billing_reads,
        "reconciliation": _encode_reconciliation(record.reconciliation),
    }
    return zlib.compress(json.dumps(text, separators=(",", ":")).encode())


def decode_day(data: bytes) -> DayRecord:
    """Return a day's record from what the ledger keeps.

    Raises:
        ValueError, KeyError, TypeError: It is damaged.
    """
    text: dict[str, Any] = json.loads(zlib.decompress(data))
    runs = [_decode_run(*row) for row in zip(*text["runs"], strict=True)]
    meter = DayMeter(
        day=date.fromisoformat(text["day"]),
        at=_from_seconds(text["at"]),
        runs={run_key(run.id, run.launched): run for run in runs},
        instance_usd=Decimal(text["usd"]),
        instance_seconds=text["seconds"],
        standing={name: _decode_standing(*row) for name, row in text["standing"].items()},
        counted={name: _decode_counted(*row) for name, row in text["counted"].items()},
    )
    return DayRecord(
        meter=meter,
        announced=frozenset(text["announced"]),
        slow_reading_at=None if text["slow"] is None else _from_seconds(text["slow"]),
        spot_usd={pool: Decimal(usd) for pool, usd in text["spot"].items()},
        nat_gateways=tuple(text["nat"]),
        billing_reads=text["billing"],
        reconciliation=_decode_reconciliation(text["reconciliation"]),
    )


def encode_held(held: HeldChanges) -> str:
    """Return what the guard must restore, as the ledger keeps it."""
    groups = {name: [group.sizes, sorted(group.suspended)] for name, group in held.groups.items()}
    return json.dumps(
        {"groups": groups, "agents": [held.agents_before, held.agents_set], "orchestrator": held.orchestrator}
    )


def decode_held(text: str) -> HeldChanges:
    """Return what the guard must restore from what the ledger keeps.

    Raises:
        ValueError, KeyError, TypeError: It is damaged.
    """
    given: dict[str, Any] = json.loads(text)
    before, agents_set = given["agents"]
    return HeldChanges(
        groups={
            name: HeldGroup(sizes=None if sizes is None else _parse_sizes(*sizes), suspended=frozenset(suspended))
            for name, (sizes, suspended) in given["groups"].items()
        },
        agents_before=before,
        agents_set=agents_set,
        orchestrator=given["orchestrator"],
    )


def _parse_sizes(minimum: int, maximum: int, desired: int) -> tuple[int, int, int]:
    return minimum, maximum, desired


def _to_seconds(at: datetime) -> int:
    return int(at.timestamp())


def _from_seconds(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _optional_seconds(at: datetime | None) -> int | None:
    return None if at is None else _to_seconds(at)


def _optional_text(usd: Decimal | None) -> str | None:
    return None if usd is None else str(usd)


def _encode_run(run: InstanceRun) -> tuple[str, int, int, str, int]:
    return run.id, _to_seconds(run.launched), _to_seconds(run.counted_until), str(run.usd_per_hour), int(run.is_open)


def _decode_run(identifier: str, launched: int, counted_until: int, usd: str, is_open: int) -> InstanceRun:
    return InstanceRun(
        id=identifier,
        launched=_from_seconds(launched),
        counted_until=_from_seconds(counted_until),
        usd_per_hour=Decimal(usd),
        is_open=bool(is_open),
    )


def _decode_standing(usd: str, usd_per_hour: str | None, counted_until: int, measured_at: int | None) -> StandingCost:
    return StandingCost(
        usd=Decimal(usd),
        usd_per_hour=None if usd_per_hour is None else Decimal(usd_per_hour),
        counted_until=_from_seconds(counted_until),
        measured_at=None if measured_at is None else _from_seconds(measured_at),
    )


def _decode_counted(usd: str, counted_usd: str, counted_at: int, usd_per_hour: str) -> CountedCost:
    return CountedCost(
        usd=Decimal(usd),
        counted_usd=Decimal(counted_usd),
        counted_at=_from_seconds(counted_at),
        usd_per_hour=Decimal(usd_per_hour),
    )


def _encode_reconciliation(reconciliation: Reconciliation | None) -> list[str] | None:
    if reconciliation is None:
        return None
    return [reconciliation.day.isoformat(), str(reconciliation.billed_usd), str(reconciliation.metered_usd)]


def _decode_reconciliation(row: list[str] | None) -> Reconciliation | None:
    if row is None:
        return None
    day, billed, metered = row
    return Reconciliation(day=date.fromisoformat(day), billed_usd=Decimal(billed), metered_usd=Decimal(metered))
