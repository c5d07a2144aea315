"""`cfs diagnose`: the repository's runs, the account, cost and logs in one summary, with an action for each problem."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfs.checkup.checks import CHECKS
from cfs.checkup.examination import examine_environment
from cfs.doctor.findings import Finding, doubtful_finding, findings_report, good_finding
from cfs.guard.guard_console import GuardConsole
from cfs.operate.ci_metrics import examine_ci_metrics
from cfs.operate.recent_errors import examine_recent_errors
from cfs.operate.status import alarms_text, cluster_text, guard_text, lock_text, orchestrator_text
from cfs.operate.workflow_history import examine_workflow_history
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cfs.environments import StackEnvironment
    from terminal.results import CommandResult

_MOST_DEVIATION_PERCENT = 20
"""Difference between the guard's meter and the bill that needs an explanation, in percent."""


@dataclass(frozen=True, kw_only=True)
class DiagnosisScope:
    """Parts of a diagnosis besides the repository and the account.

    Attributes:
        cost: What the guard has metered, compared with the bill.
        logs: The latest errors in the logs.
        doctor: All checks of `cfs doctor`.
    """

    cost: bool = False
    logs: bool = False
    doctor: bool = False


def diagnose_environment(environment: StackEnvironment, scope: DiagnosisScope) -> CommandResult:
    """Examine all parts at the same time. A part that fails is a line; the exit code is 1 if something is wrong."""
    parts: dict[str, Callable[[], Iterable[Finding]]] = {
        "workflows": lambda: examine_workflow_history(environment),
        "ci metrics": lambda: examine_ci_metrics(environment.connect_aws()),
        "account": lambda: _examine_state(environment),
    }
    if scope.cost:
        parts["cost"] = lambda: _examine_cost(environment)
    if scope.logs:
        parts["logs"] = lambda: examine_recent_errors(environment.connect_aws(), environment.name)
    if scope.doctor:
        parts["doctor"] = lambda: examine_environment(environment, CHECKS)
    with ThreadPoolExecutor(max_workers=len(parts)) as pool:
        examined = [pool.submit(examine_part, name, examine) for name, examine in parts.items()]
    findings = [finding for future in examined for finding in future.result()]
    return findings_report(findings, title=f"Diagnosis of {environment.name}")


def examine_part(name: str, examine: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Return a part's findings, and its failure as the last of them."""
    found: list[Finding] = []
    try:
        found.extend(examine())
    except UserError as error:
        found.append(doubtful_finding(name, f"It could not be examined: {error.problem}", repair=error.repair))
    return found


def _examine_state(environment: StackEnvironment) -> Iterator[Finding]:
    aws, name = environment.connect_aws(), environment.name
    yield good_finding("orchestrator", orchestrator_text(aws, name))
    yield good_finding("cluster", cluster_text(aws, name))
    if (alarms := alarms_text(aws, name)) != "none":
        yield doubtful_finding("alarms", alarms, repair=f"cfs doctor --environment {name} --phase 4")
    if (lock := lock_text(environment)) != "free":
        yield doubtful_finding("lock", lock, repair=f"cfs unlock --environment {name}")


def _examine_cost(environment: StackEnvironment) -> Iterator[Finding]:
    aws = environment.connect_aws()
    name = environment.name
    yield good_finding("cost", guard_text(aws, name))
    day = GuardConsole(aws=aws, environment=name).read_ledger().day
    billed = day.reconciliation if day else None
    if billed is None or billed.drift_percent is None:
        return
    said = f"{billed.day}: ${billed.billed_usd:.2f} billed, ${billed.metered_usd:.2f} metered."
    if abs(billed.drift_percent) > _MOST_DEVIATION_PERCENT:
        yield doubtful_finding("bill", said, repair=f"cfs guard status --environment {name}")
    else:
        yield good_finding("bill", said)
