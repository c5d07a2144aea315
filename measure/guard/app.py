"""The commands `cfs guard-bench`, `cfs guard-faults`, `cfs guard-replay` and `cfs status-pictures`."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 — Typer reads the options' types at run time
from typing import Annotated

import typer

from measure.guard.bench import guard_bench_report, measure_guard
from measure.guard.faults import faults_report, try_faults
from measure.guard.replay import replay_day, replay_report
from measure.guard.replay_plot import draw_replay
from measure.guard.status_pictures import take_pictures
from terminal.options import JsonOption
from terminal.results import finish_command

guard_bench_app = typer.Typer()
guard_faults_app = typer.Typer()
guard_replay_app = typer.Typer()
status_pictures_app = typer.Typer()


@guard_bench_app.command("guard-bench")
def run_guard_bench(*, json: JsonOption = False) -> None:
    """Count the guard's calls and seconds over 1,000 spot instances in 12 groups."""
    finish_command(guard_bench_report(measure_guard()), as_json=json)


@guard_faults_app.command("guard-faults")
def run_guard_faults(*, json: JsonOption = False) -> None:
    """Let each call of the guard fail in each way, and check that it counts, reports and acts."""
    finish_command(faults_report(try_faults()), as_json=json)


@guard_replay_app.command("guard-replay")
def run_guard_replay(
    plot: Annotated[Path | None, typer.Option(help="write the plot to this SVG file")] = None,
    *,
    json: JsonOption = False,
) -> None:
    """Replay a day with a runaway launch, with the guard and with late billing data."""
    day = replay_day()
    if plot is not None:
        plot.write_text(draw_replay(day), encoding="utf-8")
    finish_command(replay_report(day), as_json=json)


@status_pictures_app.command("status-pictures")
def take_status_pictures(*, json: JsonOption = False) -> None:
    """Open the status page of a replayed day in Chromium, and take its pictures for the documentation."""
    finish_command(take_pictures(), as_json=json)
