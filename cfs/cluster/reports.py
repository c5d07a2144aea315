"""Results of the commands: a table for people, figures for programs."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from cfs.cluster.cost_estimate import INCLUDED_NOTE, PLACEHOLDERS_NOTE
from terminal.errors import UserError
from terminal.results import CommandResult, ResultTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal

    from cfs.cluster.auto_scaling_groups import AutoScalingGroup
    from cfs.cluster.down import StoppedGroups
    from cfs.cluster.status import ClusterStatus, GroupStatus
    from cfs.cluster.stop_times import StopReason
    from cfs.cluster.up import StartedGroups
    from costs.running_costs import Cost

_REASON_TEXTS: dict[StopReason, str] = {
    "window": "end of the window",
    "period": "regular stop: the window ends within the schedule's hours",
    "held": "its nodes already run until then; --shorten stops them earlier",
}


def start_report(started: StartedGroups, *, environment: str) -> CommandResult:
    """Return the started groups and their stops."""
    by_name = {group.name: group for group in started.groups}
    rows = [(stop, by_name[stop.group.name]) for stop in started.stops if stop.group.name in by_name]
    return CommandResult(
        table=ResultTable(
            title=f"Started: {environment}",
            columns=("group", "nodes in service", "stops", "reason"),
            rows=[
                (
                    group.name,
                    f"{group.in_service} of {group.desired}",
                    _local_text(stop.at, stop.group),
                    _REASON_TEXTS[stop.reason],
                )
                for stop, group in rows
            ],
        ),
        notes=("Its cost: cfs cluster status", "To stop it earlier: cfs cluster down"),
        figures={
            "environment": environment,
            "groups": [
                {
                    "name": group.name,
                    "wanted": group.desired,
                    "inService": group.in_service,
                    "stop": _utc_text(stop.at),
                    "reason": stop.reason,
                }
                for stop, group in rows
            ],
        },
    )


def stop_report(stopped: StoppedGroups, *, environment: str) -> CommandResult:
    """Return the stopped groups and their next starts."""
    return CommandResult(
        table=ResultTable(
            title=f"Stopped: {environment}",
            columns=("group", "next start"),
            rows=[(group.name, _local_text(stopped.next_starts[group.name], group)) for group in stopped.groups],
        ),
        notes=("Nodes at other times: cfs cluster up --for 3h",),
        figures={
            "environment": environment,
            "groups": [
                {"name": group.name, "nextStart": _utc_text(stopped.next_starts[group.name])}
                for group in stopped.groups
            ],
        },
    )


def status_report(status: ClusterStatus, *, environment: str, region: str, is_emulated: bool) -> CommandResult:
    """Return the cluster's state and cost."""
    return CommandResult(
        table=ResultTable(
            title=f"Cluster {environment} in {region}",
            columns=("group", "wanted", "running", "USD/node·h", "since", "next", "why"),
            rows=[_status_row(state) for state in status.states],
        ),
        notes=_status_notes(status, is_emulated=is_emulated),
        figures={
            "environment": environment,
            "region": region,
            "pricesArePlaceholders": is_emulated,
            "asOf": _utc_text(status.estimate.now),
            "groups": [_group_figures(state) for state in status.states],
            "usdPerHour": _cost_figures(status.estimate.cost_per_hour()),
            "usdToday": _cost_figures(status.estimate.cost_today()),
            "todaySince": _utc_text(status.estimate.midnight),
            "budget": _budget_figures(status),
        },
    )


def _status_row(state: GroupStatus) -> Sequence[str]:
    group = state.group
    upcoming = (
        f"stop {_local_text(state.next_stop, group)}"
        if group.desired
        else f"start {_local_text(state.next_start, group)}"
    )
    running = str(state.running)
    if group.in_service != state.running:
        running += f" ({group.in_service} in service)"
    return (
        group.name,
        f"{group.desired} of {group.nodes}",
        running,
        _price_range(state.cheapest, state.dearest),
        _local_text(state.since, group),
        upcoming,
        state.why,
    )


def _status_notes(status: ClusterStatus, *, is_emulated: bool) -> Sequence[str]:
    known = status.estimate
    line = (
        f"Now: {known.cost_per_hour().dollar_text()} an hour. Today since 00:00 UTC: {known.cost_today().dollar_text()}"
    )
    if isinstance(status.budget, UserError):
        line += "; the day's budget is unknown."
    else:
        line += (
            f" of the day's budget of ${status.budget.usd:.2f}; "
            f"AWS Budgets, hours late, has counted ${status.budget.counted:.2f} for the whole account."
        )
    notes = [line]
    unknown = known.cost_per_hour().unknown | known.cost_today().unknown
    if unknown:
        notes.append(f"AWS shows no price of {', '.join(sorted(unknown))}: the figures omit it.")
    if isinstance(status.budget, UserError):
        notes.append(f"{status.budget.problem} Repair: {status.budget.repair}")
    notes.append(INCLUDED_NOTE)
    if is_emulated:
        notes.append(PLACEHOLDERS_NOTE)
    return notes


def _group_figures(state: GroupStatus) -> dict[str, Any]:
    group = state.group
    return {
        "name": group.name,
        "role": group.role,
        "nodes": group.nodes,
        "wanted": group.desired,
        "running": state.running,
        "inService": group.in_service,
        "onDemand": state.on_demand,
        "usdPerNodeHour": {"lowest": _decimal_text(state.cheapest), "highest": _decimal_text(state.dearest)},
        "since": _utc_text(state.since),
        "nextStart": _utc_text(state.next_start),
        "nextStop": _utc_text(state.next_stop),
        "why": state.why,
    }


def _budget_figures(status: ClusterStatus) -> dict[str, str] | None:
    if isinstance(status.budget, UserError):
        return None
    return {"name": status.budget.name, "usd": str(status.budget.usd), "usdCounted": str(status.budget.counted)}


def _cost_figures(cost: Cost) -> dict[str, Any]:
    """Return a cost for programs, as a string because JSON has no exact decimals; null if nothing is known."""
    return {"known": None if cost.unknown and not cost.usd else str(cost.usd), "unknown": sorted(cost.unknown)}


def _price_range(lowest: Decimal | None, highest: Decimal | None) -> str:
    if lowest is None or highest is None:
        return "unknown"
    return f"{lowest:.4f}" if lowest == highest else f"{lowest:.4f} to {highest:.4f}"


def _decimal_text(usd: Decimal | None) -> str | None:
    return None if usd is None else str(usd)


def _utc_text(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _local_text(at: datetime | None, group: AutoScalingGroup) -> str:
    """Return a time in the time zone of a group's schedule."""
    if at is None:
        return "none"
    zone = (group.stop.time_zone if group.stop else None) or "UTC"
    return f"{at.astimezone(ZoneInfo(zone)):%a %d %b %H:%M %Z}"
