"""What people are told: what happened, why, and how to undo it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guard.ladder import LadderStep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.calls import CallFailure
    from guard.decision import GuardDecision
    from guard.effects import ActionOutcome
    from guard.environment import GuardSettings
    from guard.records import DayRecord

_SUBJECT_LENGTH = 100
"""https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""

_WHAT = {
    LadderStep.NOTE: "Nothing was changed.",
    LadderStep.ECONOMY: "Agents go to the cheaper model.",
    LadderStep.BLOCK_LAUNCHES: "Auto Scaling groups launch no more nodes.",
    LadderStep.STOP_CLUSTER: "Groups go to zero, their schedules are suspended, and all nodes are terminated.",
    LadderStep.STOP_ORCHESTRATOR: "Agents are paused.",
}

_HEADLINES = {
    LadderStep.NOTE: "note",
    LadderStep.ECONOMY: "warning, agents in economy",
    LadderStep.BLOCK_LAUNCHES: "launches blocked",
    LadderStep.STOP_CLUSTER: "cluster stopped",
    LadderStep.STOP_ORCHESTRATOR: "agents paused",
}


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message: its subject and its text."""

    subject: str
    body: str


def write_message(  # noqa: PLR0913 — all that a message is about
    settings: GuardSettings,
    decision: GuardDecision,
    record: DayRecord,
    *,
    outcomes: Sequence[ActionOutcome],
    failures: Sequence[CallFailure],
    missed_prices: Sequence[str],
) -> Message:
    """Write a message about a tick."""
    environment = settings.environment
    paragraphs = [
        _write_what(settings, decision, outcomes),
        f"Why: {decision.reason}.",
        _write_spending(record),
        _write_problems(failures, missed_prices),
        _write_undo(decision, environment, is_dry_run=settings.is_dry_run),
    ]
    prefix = "Dry run: " if settings.is_dry_run else ""
    return Message(
        subject=f"{prefix}ClaudeFS {environment} cost guard: {_write_headline(decision, outcomes)}"[:_SUBJECT_LENGTH],
        body="\n\n".join(paragraph for paragraph in paragraphs if paragraph),
    )


def _write_headline(decision: GuardDecision, outcomes: Sequence[ActionOutcome]) -> str:
    if decision.steps:
        return _HEADLINES[decision.steps[-1]]
    return "changes restored" if outcomes else "calls failed"


def _write_what(settings: GuardSettings, decision: GuardDecision, outcomes: Sequence[ActionOutcome]) -> str:
    sentences = [_WHAT[step] for step in decision.new_steps[-1:]]
    if LadderStep.STOP_ORCHESTRATOR in decision.new_steps:
        sentences.append(
            "The orchestrator is stopped." if decision.stops_orchestrator else "The orchestrator keeps running."
        )
    if not decision.steps and outcomes:
        sentences.append("What the guard had changed was restored.")
    lines = [f"- {each.summary}" + (f" (FAILED: {each.error})" if each.error else "") for each in outcomes]
    heading = "What would be done (dry run):" if settings.is_dry_run else "What:"
    return "\n".join([f"{heading} {' '.join(sentences)}".rstrip(), *lines])


def _write_spending(record: DayRecord) -> str:
    meter = record.meter
    parts = sorted(meter.usd_by_component.items(), key=lambda part: -part[1])
    listed = ", ".join(f"{name} ${usd:.2f}" for name, usd in parts if usd)
    hours = meter.instance_seconds / 3600
    return (
        f"Today until {meter.at:%H:%M} UTC: {listed or 'nothing'}; {hours:.1f} instance hours. "
        f"Now ${meter.usd_per_hour:.2f} an hour."
    )


def _write_problems(failures: Sequence[CallFailure], missed_prices: Sequence[str]) -> str:
    lines = [f"- {failure}" for failure in failures] + [f"- {missed}" for missed in missed_prices]
    return "\n".join(["What failed:", *lines]) if lines else ""


def _write_undo(decision: GuardDecision, environment: str, *, is_dry_run: bool) -> str:
    if is_dry_run or not decision.is_restraining:
        return ""
    return (
        "How to undo it: the guard restores what it changed at 00:00 UTC, when the budget's day changes. "
        f"To have it restored now and to keep the guard from acting for two hours: "
        f"cfs guard pause --environment {environment} --for 2h --reason '...'. "
        "To have a higher limit, raise the setting dailyBudgetUsd and deploy."
    )
