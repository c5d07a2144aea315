"""Kills the engine at many moments and checks each time that the next `cfs local up` converges by itself."""

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
from measure.convergence import aftermath, read_snapshot
from measure.kill_plan import Kill, Phase, plan
from measure.killable_up import Deployment
from measure.scratch_account import copy_account, scratch_engine
from terminal.errors import UserError
from terminal.progress import console, step
from terminal.report import Report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.engine import LocalEngine

EARLIER_SETTINGS = {
    "claudefs-infra:vpcCidr": "10.1.0.0/16",
    "claudefs-infra:dailyBudgetUsd": "50",
    "claudefs-infra:owner": "another-team",
}
"""What a stack had been deployed with before the update that is killed: each is another value than the default."""

_EARLIER = 0.7
"""How much sooner to kill at the next attempt, where a run had ended before its kill."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one kill.

    Attributes:
        kill: The kill.
        seconds: How long the engine had been running.
        in_flight: Names of the resources that it was at work on.
        recorded_before: How many resources the state held at that moment.
        recorded_after: How many it holds after the next `up`.
        adopted: How many resources that `up` took over that had been created but not recorded.
        orphans: How many it left and listed, each with the command that deletes it.
        survivors: How many of the engine's processes outlived it at that moment.
        converge_seconds: How long the next `up` took.
        problems: What is not as it should be; empty if all is well.
    """

    kill: Kill
    seconds: float
    in_flight: Sequence[str]
    recorded_before: int
    recorded_after: int
    adopted: int
    orphans: int
    survivors: int
    converge_seconds: float
    problems: Sequence[str]


def run(*, kills: int, seed: int) -> list[Outcome]:
    """Carry out all kills.

    Raises:
        UserError: Pulumi cannot be had, an emulator does not come up, or an undisturbed run fails.
    """
    with tempfile.TemporaryDirectory(prefix="cfs-") as folder:
        with step("Undisturbed runs, to know how long they take"):
            durations = _measure(earlier=Path(folder))
        outcomes = []
        with step(f"{kills} kills") as progress:
            for kill in plan(kills, seed=seed):
                outcomes.append(_kill_once(kill, durations[kill.phase], earlier=Path(folder)))
                console.print(f"  {_line(outcomes[-1])}", markup=False, soft_wrap=True)
                progress.advance(len(outcomes), kills)
    return outcomes


def _measure(*, earlier: Path) -> Mapping[Phase, float]:
    """Deploy once for each phase; leave in `earlier` the account that updates begin from."""
    with scratch_engine() as engine:
        create = _undisturbed(engine)
    with scratch_engine() as engine:
        settings = earlier / "settings.yaml"
        shutil.copy(PROJECT_FOLDER / "Pulumi.local.yaml", settings)
        change_settings(settings, EARLIER_SETTINGS)
        replace(engine, settings=settings).query("up", "--yes", "--skip-preview")
        servers.stop(engine.account.folder)
        copy_account(engine.account.folder, earlier)
    with scratch_engine(like=earlier) as engine:
        update = _undisturbed(engine)
    return {Phase.CREATE: create, Phase.UPDATE: update}


def _undisturbed(engine: LocalEngine) -> float:
    with Deployment(engine) as deployment:
        seconds = deployment.seconds_at_work()
    if deployment.status != 0:
        raise UserError(
            f"An undisturbed `cfs local up` ended with status {deployment.status}:\n{deployment.output}",
            repair="run `make up` and repair what it says",
        )
    return seconds


def _kill_once(kill: Kill, duration: float, *, earlier: Path) -> Outcome:
    moment = kill.share * duration
    while True:
        with scratch_engine(like=earlier if kill.phase is Phase.UPDATE else None) as engine:
            hit = _hit(kill, engine, moment)
            if hit is not None:
                return hit
        moment *= _EARLIER


def _hit(kill: Kill, engine: LocalEngine, moment: float) -> Outcome | None:
    """Kill the engine and let `up` converge; None if the engine had ended before."""
    with Deployment(engine) as deployment:
        seconds = deployment.kill_after(moment, with_command=kill.with_command)
        if seconds is None:
            return None
        survivors = len(deployment.processes())
        before = read_snapshot(engine)
        if not kill.with_command:
            deployment.wait()
    began = time.monotonic()
    with Deployment(engine) as deployment:
        deployment.wait()
    converge_seconds = time.monotonic() - began
    after = aftermath(engine, deployment, before=before)
    return Outcome(
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
    """Set values in a stack's file of settings."""
    content = yaml.safe_load(path.read_text())
    content["config"] |= values
    path.write_text(yaml.safe_dump(content))


def report(outcomes: Sequence[Outcome], *, seed: int) -> Report:
    """Tell of all kills."""
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
    return Report(
        title=f"The engine killed {len(outcomes)} times (seed {seed})",
        columns=("#", "run", "killed", "at", "in flight", "recorded", "adopted", "orphans", "converged", "result"),
        rows=[_row(outcome) for outcome in outcomes],
        notes=[
            _summary(totals),
            *(f"kill {outcome.kill.number}: {problem}" for outcome in outcomes for problem in outcome.problems),
        ],
        figures={"seed": seed, "totals": totals, "kills": [_figures(outcome) for outcome in outcomes]},
    )


def _summary(totals: Mapping[str, float]) -> str:
    return (
        f"{totals['kills'] - totals['failed']} of {totals['kills']} converged, "
        f"in {totals['medianConvergeSeconds']} s (median), {totals['maxConvergeSeconds']} s (longest); "
        f"{totals['adopted']} resources adopted, {totals['orphans']} orphans"
    )


def _row(outcome: Outcome) -> Sequence[str]:
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


def _line(outcome: Outcome) -> str:
    number, phase, killed, at, in_flight, recorded, adopted, orphans, converged, result = _row(outcome)
    return (
        f"{number}: {phase}, {killed} killed at {at} with {in_flight} in flight; recorded {recorded}, "
        f"adopted {adopted}, orphans {orphans}, converged in {converged}: {result}"
        + "".join(f"\n    {problem}" for problem in outcome.problems)
    )


def _figures(outcome: Outcome) -> dict[str, Any]:
    return {
        "number": outcome.kill.number,
        "phase": outcome.kill.phase.value,
        "withCommand": outcome.kill.with_command,
        "seconds": round(outcome.seconds, 3),
        "inFlight": list(outcome.in_flight),
        "recordedBefore": outcome.recorded_before,
        "recordedAfter": outcome.recorded_after,
        "adopted": outcome.adopted,
        "orphans": outcome.orphans,
        "survivingProcesses": outcome.survivors,
        "convergeSeconds": round(outcome.converge_seconds, 3),
        "problems": list(outcome.problems),
    }
