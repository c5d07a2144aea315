"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from terminal.errors import UserError
from terminal.results import CommandResult, ResultTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Verdict = Literal["good", "doubtful", "wrong"]
"""`wrong` stops a deployment; `doubtful` cannot be seen from here, or works today."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found.

    Attributes:
        check: What was looked at.
        verdict: Whether it is as a deployment needs it.
        message: What is there, in one or more sentences.
        repair: What to do about it; "" where nothing is wrong.
    """

    check: str
    verdict: Verdict
    message: str
    repair: str = ""


def good_finding(check: str, message: str) -> Finding:
    """Say that something is right."""
    return Finding(check=check, verdict="good", message=message)


def doubtful_finding(check: str, message: str, *, repair: str) -> Finding:
    """Say that something may be wrong."""
    return Finding(check=check, verdict="doubtful", message=message, repair=repair)


def wrong_finding(check: str, message: str, *, repair: str) -> Finding:
    """Say that something stops a deployment."""
    return Finding(check=check, verdict="wrong", message=message, repair=repair)


def raise_wrong_findings(findings: Iterable[Finding], *, retry_command: str) -> None:
    """Stop where something is wrong.

    Args:
        findings: What was found.
        retry_command: The command to repeat after the repair.
    """
    faults = [finding for finding in findings if finding.verdict == "wrong"]
    if faults:
        raise UserError(
            "\n".join(fault.message for fault in faults),
            repair="; ".join([*(fault.repair for fault in faults), f"then run `{retry_command}` again"]),
        )


def findings_report(findings: Sequence[Finding], *, title: str) -> CommandResult:
    """Put findings into a table and into figures."""
    return CommandResult(
        table=ResultTable(
            title=title,
            columns=("", "check", "found"),
            rows=[(finding.verdict, finding.check, finding.message) for finding in findings],
        ),
        notes=[f"{finding.check}: {finding.repair}" for finding in findings if finding.repair],
        figures={
            "findings": [
                {
                    "check": finding.check,
                    "verdict": finding.verdict,
                    "said": finding.message,
                    "repair": finding.repair,
                }
                for finding in findings
            ]
        },
        exit_code=1 if any(finding.verdict == "wrong" for finding in findings) else 0,
    )
