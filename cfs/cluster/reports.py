"""What the commands show: a table for people, figures for programs."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from cfs.cluster.estimate import INCLUDED, PLACEHOLDERS
from terminal.errors import UserError
from terminal.report import Report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal

    from cfs.cluster.costs import Cost
    from cfs.cluster.groups import NodeGroup
    from cfs.cluster.halt import Stopped
    from cfs.cluster.overview import State, Status
    from cfs.cluster.start import Started
    from cfs.cluster.stops import Reason

_REASONS: dict[Reason, str] = {
    "window": "end of the window",
    "period": "regular stop: the window ends within the schedule's hours",
    "held": "its nodes run already, until then; --shorten stops earlier",
}


def of_start(started: Started, *, environment: str) -> Report:
    """Show what runs now and until when."""
    by_name = {group.name: group for group in started.groups}
    rows = [(stop, by_name[stop.group.name]) for stop in started.stops if stop.group.name in by_name]
    return Report(
        title=f"Started: {environment}",
        columns=("group", "nodes in service", "stops", "why then"),
        rows=[
            (group.name, f"{group.in_service} of {group.desired}", _local(stop.at, stop.group), _REASONS[stop.reason])
            for stop, group in rows
        ],
        notes=("What it costs: cfs cluster status", "To stop it earlier: cfs cluster down"),
        figures={
            "environment": environment,
            "groups": [
                {
                    "name": group.name,
                    "wanted": group.desired,
                    "inService": group.in_service,
                    "stop": _iso(stop.at),
                    "reason": stop.reason,
                }
                for stop, group in rows
            ],
        },
    )


def of_stop(stopped: Stopped, *, environment: str) -> Report:
    """Show what has been stopped and when it is started next."""
    return Report(
        title=f"Stopped: {environment}",
        columns=("group", "next start"),
        rows=[(group.name, _local(stopped.next_starts[group.name], group)) for group in stopped.groups],
        notes=("Nodes at other times: cfs cluster up --for 3h",),
        figures={
            "environment": environment,
            "groups": [
                {"name": group.name, "nextStart": _iso(stopped.next_starts[group.name])} for group in stopped.groups
            ],
        },
    )


def of_status(status: Status, *, environment: str, region: str, is_emulated: bool) -> Report:
    """Show how the cluster is and what it costs."""
    return Report(
        title=f"Cluster {environment} in {region}",
        columns=("group", "wanted", "running", "USD/node·h", "since", "next", "why"),
        rows=[_row(state) for state in status.states],
        notes=_notes(status, is_emulated=is_emulated),
        figures={
            "environment": environment,
            "region": region,
            "pricesArePlaceholders": is_emulated,
            "asOf": _iso(status.estimate.now),
            "groups": [_figures(state) for state in status.states],
            "usdPerHour": _money(status.estimate.an_hour()),
            "usdToday": _money(status.estimate.today()),
            "todaySince": _iso(status.estimate.midnight),
            "budget": _budget(status),
        },
    )


def _row(state: State) -> Sequence[str]:
    group = state.group
    upcoming = f"stop {_local(state.next_stop, group)}" if group.desired else f"start {_local(state.next_start, group)}"
    running = str(state.running)
    if group.in_service != state.running:
        running += f" ({group.in_service} in service)"
    return (
        group.name,
        f"{group.desired} of {group.nodes}",
        running,
        _price(state.cheapest, state.dearest),
        _local(state.since, group),
        upcoming,
        state.why,
    )


def _notes(status: Status, *, is_emulated: bool) -> Sequence[str]:
    known = status.estimate
    line = f"Now: {known.an_hour().show()} an hour. Today since 00:00 UTC: {known.today().show()}"
    if isinstance(status.budget, UserError):
        line += "; the day's budget is unknown."
    else:
        line += (
            f" of the day's budget of ${status.budget.usd:.2f}; "
            f"AWS Budgets, hours late, has counted ${status.budget.counted:.2f} for all of the account."
        )
    notes = [line]
    unknown = known.an_hour().unknown | known.today().unknown
    if unknown:
        notes.append(f"AWS gives no price of {', '.join(sorted(unknown))}: the figures leave it out.")
    if isinstance(status.budget, UserError):
        notes.append(f"{status.budget.problem} Repair: {status.budget.repair}")
    notes.append(INCLUDED)
    if is_emulated:
        notes.append(PLACEHOLDERS)
    return notes


def _figures(state: State) -> dict[str, Any]:
    group = state.group
    return {
        "name": group.name,
        "role": group.role,
        "nodes": group.nodes,
        "wanted": group.desired,
        "running": state.running,
        "inService": group.in_service,
        "onDemand": state.on_demand,
        "usdPerNodeHour": {"lowest": _text(state.cheapest), "highest": _text(state.dearest)},
        "since": _iso(state.since),
        "nextStart": _iso(state.next_start),
        "nextStop": _iso(state.next_stop),
        "why": state.why,
    }


def _budget(status: Status) -> dict[str, str] | None:
    if isinstance(status.budget, UserError):
        return None
    return {"name": status.budget.name, "usd": str(status.budget.usd), "usdCounted": str(status.budget.counted)}


def _money(cost: Cost) -> dict[str, Any]:
    """Give a sum for programs: as a string, since JSON's numbers are no exact decimals; null where nothing is known."""
    return {"known": None if cost.unknown and not cost.usd else str(cost.usd), "unknown": sorted(cost.unknown)}


def _price(lowest: Decimal | None, highest: Decimal | None) -> str:
    if lowest is None or highest is None:
        return "unknown"
    return f"{lowest:.4f}" if lowest == highest else f"{lowest:.4f} to {highest:.4f}"


def _text(usd: Decimal | None) -> str | None:
    return None if usd is None else str(usd)


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _local(at: datetime | None, group: NodeGroup) -> str:
    """Write a time in the time zone of a group's schedule."""
    if at is None:
        return "none"
    zone = (group.stop.time_zone if group.stop else None) or "UTC"
    return f"{at.astimezone(ZoneInfo(zone)):%a %d %b %H:%M %Z}"
