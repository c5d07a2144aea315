"""Findings of checks, and their report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from terminal.errors import UserError
from terminal.results import CommandResult, ResultTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Verdict = Literal["good", "doubtful", "wrong"]
"""`wrong` stops a deployment; `doubtful` cannot be verified, or works for now."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Result of one check.

    Attributes:
        check: Name of the check.
        verdict: Whether a deployment would succeed.
        message: One or more sentences.
        repair: A command or instruction; "" if nothing is wrong.
    """

    check: str
    verdict: Verdict
    message: str
    repair: str = ""


def good_finding(check: str, message: str) -> Finding:
    """Return a finding that needs no repair."""
    return Finding(check=check, verdict="good", message=message)


def doubtful_finding(check: str, message: str, *, repair: str) -> Finding:
    """Return a finding that may stop a deployment."""
    return Finding(check=check, verdict="doubtful", message=message, repair=repair)


def wrong_finding(check: str, message: str, *, repair: str) -> Finding:
    """Return a finding that stops a deployment."""
    return Finding(check=check, verdict="wrong", message=message, repair=repair)


def raise_wrong_findings(findings: Iterable[Finding], *, retry_command: str) -> None:
    """Raise all wrong findings as one error, with the command to repeat after the repair."""
    faults = [finding for finding in findings if finding.verdict == "wrong"]
    if faults:
        raise UserError(
            "\n".join(fault.message for fault in faults),
            repair="; ".join([*(fault.repair for fault in faults), f"then run `{retry_command}` again"]),
        )


def findings_report(findings: Sequence[Finding], *, title: str) -> CommandResult:
    """Return findings as a table and as figures."""
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
