"""Kills the engine at many moments, and checks each time that the next `cfs local up` converges by itself."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import yaml

from infra.project import PROJECT_FOLDER
from local import servers
from measure.convergence import check_convergence, read_snapshot
from measure.kill_plan import KillPhase, PlannedKill, plan_kills
from measure.killable_up import KillableUp
from measure.scratch_account import copy_account, scratch_engine
from terminal.errors import UserError
from terminal.progress import console, show_progress
from terminal.results import CommandResult, ResultTable, to_figures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.engine import LocalEngine

EARLIER_SETTINGS = {
    "claudefs-infra:vpcCidr": "10.1.0.0/16",
    "claudefs-infra:dailyBudgetUsd": "50",
    "claudefs-infra:owner": "another-team",
}
"""Settings of the stack before an update is killed; all differ from the defaults."""

COLUMNS = ("#", "run", "killed", "at", "in flight", "recorded", "adopted", "orphans", "converged", "result")
"""Columns of the report."""

_EARLIER_FACTOR = 0.7
"""Factor for the next attempt's moment if a run ended before its kill."""


@dataclass(frozen=True, kw_only=True)
class KillOutcome:
    """The result of one kill.

    Attributes:
        kill: The kill.
        seconds: Time for which the engine had been running, in seconds.
        in_flight: Names of the resources with operations in progress.
        recorded_before: Number of resources in the state at the kill.
        recorded_after: Number of resources in the state after the next `up`.
        adopted: Number of created but unrecorded resources that the next `up` adopted.
        orphans: Number of orphans after the next `up`, which are listed with the command that deletes each.
        survivors: Number of the run's processes that outlived the engine.
        converge_seconds: Duration of the next `up`, in seconds.
        problems: Failed checks; empty if all passed.
    """

    kill: PlannedKill
    seconds: float
    in_flight: Sequence[str]
    recorded_before: int
    recorded_after: int
    adopted: int
    orphans: int
    survivors: int
    converge_seconds: float
    problems: Sequence[str]


def run_kills(*, kills: int, seed: int) -> list[KillOutcome]:
    """Execute all kills."""
    with tempfile.TemporaryDirectory(prefix="cfs-") as folder:
        with show_progress("Undisturbed runs, to know how long they take"):
            durations = _measure_durations(earlier=Path(folder))
        outcomes = []
        with show_progress(f"{kills} kills") as progress:
            for kill in plan_kills(kills, seed=seed):
                outcomes.append(_kill_once(kill, durations[kill.phase], earlier=Path(folder)))
                shown = [f"{head} {cell}" for head, cell in zip(COLUMNS, _outcome_row(outcomes[-1]), strict=True)]
                console.print(f"  {', '.join(shown)}", soft_wrap=True)
                progress.advance_to(len(outcomes), kills)
    return outcomes


def _measure_durations(*, earlier: Path) -> Mapping[KillPhase, float]:
    """Time one deployment of each phase, and store the initial account of updates in `earlier`."""
    with scratch_engine() as engine:
        create = _undisturbed_seconds(engine)
    with scratch_engine() as engine:
        settings = earlier / "settings.yaml"
        shutil.copy(PROJECT_FOLDER / "Pulumi.local.yaml", settings)
        change_settings(settings, EARLIER_SETTINGS)
        replace(engine, settings=settings).query_text("up", "--yes", "--skip-preview")
        servers.stop_emulators(engine.account.folder)
        copy_account(engine.account.folder, earlier)
    with scratch_engine(like=earlier) as engine:
        update = _undisturbed_seconds(engine)
    return {KillPhase.CREATE: create, KillPhase.UPDATE: update}


def _undisturbed_seconds(engine: LocalEngine) -> float:
    with KillableUp(engine) as deployment:
        seconds = deployment.seconds_at_work()
    if deployment.exit_status != 0:
        raise UserError(
            f"An undisturbed `cfs local up` ended with status {deployment.exit_status}:\n{deployment.output}",
            repair="run `make up` and repair what it says",
        )
    return seconds


def _kill_once(kill: PlannedKill, duration: float, *, earlier: Path) -> KillOutcome:
    moment = kill.share * duration
    while True:
        with scratch_engine(like=earlier if kill.phase is KillPhase.UPDATE else None) as engine:
            hit = _kill_and_converge(kill, engine, moment)
            if hit is not None:
                return hit
        moment *= _EARLIER_FACTOR


def _kill_and_converge(kill: PlannedKill, engine: LocalEngine, moment: float) -> KillOutcome | None:
    """Kill the engine, and check that `up` converges; return None if the engine had already exited."""
    with KillableUp(engine) as deployment:
        seconds = deployment.kill_after(moment, with_command=kill.with_command)
        if seconds is None:
            return None
        survivors = len(deployment.live_processes())
        before = read_snapshot(engine)
        if not kill.with_command:
            deployment.wait_for_end()
    began = time.monotonic()
    with KillableUp(engine) as deployment:
        deployment.wait_for_end()
    converge_seconds = time.monotonic() - began
    after = check_convergence(engine, deployment, before=before)
    return KillOutcome(
        kill=kill,
        seconds=seconds,
        in_flight=before.in_flight,
        recorded_before=len(before.urns),
        recorded_after=after.recorded,
        adopted=after.adopted,
        orphans=after.orphans,
        survivors=survivors,
        converge_seconds=converge_seconds,
        problems=after.problems,
    )


def change_settings(path: Path, values: Mapping[str, str]) -> None:
    """Set values in a stack's settings file."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["config"] |= values
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


def chaos_report(outcomes: Sequence[KillOutcome], *, seed: int) -> CommandResult:
    """Return the report of all kills."""
    failed = sum(1 for outcome in outcomes if outcome.problems)
    totals = {
        "kills": len(outcomes),
        "failed": failed,
        "whileResourcesInFlight": sum(1 for outcome in outcomes if outcome.in_flight),
        "adopted": sum(outcome.adopted for outcome in outcomes),
        "orphans": sum(outcome.orphans for outcome in outcomes),
        "medianConvergeSeconds": round(median(outcome.converge_seconds for outcome in outcomes), 1),
        "maxConvergeSeconds": round(max(outcome.converge_seconds for outcome in outcomes), 1),
    }
    return CommandResult(
        table=ResultTable(
            title=f"The engine killed {len(outcomes)} times (seed {seed})",
            columns=COLUMNS,
            rows=[_outcome_row(outcome) for outcome in outcomes],
        ),
        notes=[
            _totals_note(totals),
            *(f"kill {outcome.kill.number}: {problem}" for outcome in outcomes for problem in outcome.problems),
        ],
        figures={"seed": seed, "totals": totals, "kills": [_outcome_figures(outcome) for outcome in outcomes]},
        exit_code=1 if failed else 0,
    )


def _totals_note(totals: Mapping[str, float]) -> str:
    return (
        f"{totals['kills'] - totals['failed']} of {totals['kills']} converged, "
        f"in {totals['medianConvergeSeconds']} s (median), {totals['maxConvergeSeconds']} s (longest); "
        f"{totals['adopted']} resources adopted, {totals['orphans']} orphans"
    )


def _outcome_row(outcome: KillOutcome) -> Sequence[str]:
    return (
        str(outcome.kill.number),
        outcome.kill.phase.value,
        "engine, cfs" if outcome.kill.with_command else "engine",
        f"{outcome.seconds:.1f} s",
        ", ".join(outcome.in_flight) or "-",
        f"{outcome.recorded_before} → {outcome.recorded_after}",
        str(outcome.adopted),
        str(outcome.orphans),
        f"{outcome.converge_seconds:.1f} s",
        "FAILED" if outcome.problems else "ok",
    )


def _outcome_figures(outcome: KillOutcome) -> dict[str, Any]:
    return to_figures(outcome) | {"kill": to_figures(outcome.kill)}
