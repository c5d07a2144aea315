"""What the commands `cfs guard` print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from terminal.results import CommandResult, ResultTable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from guard.decision import Pause
    from guard.ledger import LedgerView
    from guard.records import DayRecord, HeldChanges, Reconciliation

_LATE_SECONDS = 15 * 60
"""Time without a tick after which the guard counts as late; it runs every five minutes."""


def guard_report(view: LedgerView, *, now: datetime, environment: str) -> CommandResult:
    """Return what the guard knows of today."""
    record = view.day
    paused = view.pause if view.pause is not None and view.pause.until > now else None
    if record is None:
        return CommandResult(
            text=f"The guard of {environment} has not run today.",
            notes=list(_held_notes(view.held)),
            figures={"day": None, "pause": _pause_figures(paused), "held": _held_figures(view.held)},
        )
    meter = record.meter
    by_component = sorted(meter.usd_by_component.items(), key=lambda row: -row[1])
    return CommandResult(
        table=ResultTable(
            title=f"Spent on {meter.day} until {meter.at:%H:%M} UTC in {environment}",
            columns=("component", "US dollars"),
            rows=[
                *((name, f"{usd:.2f}") for name, usd in by_component),
                ("total", f"{meter.usd:.2f}"),
            ],
        ),
        notes=[*_day_notes(record, now), *_pause_notes(paused), *_held_notes(view.held)],
        figures={
            "day": meter.day.isoformat(),
            "at": meter.at.isoformat(),
            "usd": {name: str(usd) for name, usd in meter.usd_by_component.items()},
            "totalUsd": str(meter.usd),
            "usdPerHour": str(meter.usd_per_hour),
            "instanceHours": meter.instance_seconds / 3600,
            "announced": sorted(record.announced),
            "pause": _pause_figures(paused),
            "held": _held_figures(view.held),
            "reconciliation": _reconciliation_figures(record.reconciliation),
        },
    )


def pause_report(pause: Pause | None, *, environment: str, ended: Pause | None = None) -> CommandResult:
    """Return a pause that was set, or the end of one."""
    if pause is not None:
        text = (
            f"The guard of {environment} does not act until {pause.until:%Y-%m-%d %H:%M} UTC: {pause.reason}. "
            f"At its next tick, within five minutes, it restores what it changed. To end the pause: "
            f"cfs guard resume --environment {environment}"
        )
    elif ended is not None:
        text = f"The pause is over; the guard of {environment} acts again at its next tick, within five minutes."
    else:
        text = f"The guard of {environment} is not paused."
    return CommandResult(text=text, figures={"pause": _pause_figures(pause), "ended": _pause_figures(ended)})


def _day_notes(record: DayRecord, now: datetime) -> Iterator[str]:
    meter = record.meter
    yield f"Now ${meter.usd_per_hour:.2f} an hour; {meter.instance_seconds / 3600:.1f} instance hours today."
    if (now - meter.at).total_seconds() > _LATE_SECONDS:
        yield f"The guard has not run since {meter.at:%H:%M} UTC."
    if record.announced:
        yield f"Announced today: {', '.join(sorted(record.announced))}."
    drift = record.reconciliation
    if drift is not None:
        percent = "" if drift.drift_percent is None else f", {drift.drift_percent:+.0f} %"
        yield f"On {drift.day}: ${drift.metered_usd:.2f} metered, ${drift.billed_usd:.2f} billed{percent}."


def _pause_notes(pause: Pause | None) -> Iterator[str]:
    if pause is not None:
        yield f"Paused until {pause.until:%Y-%m-%d %H:%M} UTC by {pause.by}: {pause.reason}."


def _held_notes(held: HeldChanges) -> Iterator[str]:
    for name, group in sorted(held.groups.items()):
        before = "" if group.sizes is None else f", sizes were {'/'.join(map(str, group.sizes))}"
        yield f"Changed by the guard: {name}: {' and '.join(sorted(group.suspended)) or 'nothing'} suspended{before}."
    if held.agents_before is not None:
        yield f"Changed by the guard: agents are {held.agents_set}, were {held.agents_before}."
    if held.orchestrator:
        yield f"Changed by the guard: orchestrator {held.orchestrator} is stopped."


def _pause_figures(pause: Pause | None) -> dict[str, str] | None:
    if pause is None:
        return None
    times = {"since": pause.since.isoformat(), "until": pause.until.isoformat()}
    return {**times, "reason": pause.reason, "by": pause.by}


def _held_figures(held: HeldChanges) -> dict[str, Any]:
    return {
        "groups": {
            name: {"sizes": group.sizes, "suspended": sorted(group.suspended)} for name, group in held.groups.items()
        },
        "agentsBefore": held.agents_before,
        "orchestrator": held.orchestrator,
    }


def _reconciliation_figures(found: Reconciliation | None) -> dict[str, str | None] | None:
    if found is None:
        return None
    drift = None if found.drift_percent is None else f"{found.drift_percent:.1f}"
    billed = {"billedUsd": str(found.billed_usd), "meteredUsd": str(found.metered_usd)}
    return {"day": found.day.isoformat(), **billed, "driftPercent": drift}
