"""The commands `cfs bench`, `cfs chaos`, `cfs schedule year`, `cfs figures` and `cfs diagram`."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 — Typer reads the options' types at run time
from typing import Annotated

import typer

from cfs.environments import find_stack_environment
from measure import chaos as campaign
from measure import schedule_year as simulation
from measure.bench.growth_plot import draw_growth
from measure.bench.measurement import measure_runs, parse_latency
from measure.bench.parallelism import compare_parallelism, parallelism_report, parse_parallel
from measure.bench.report import bench_report
from measure.code_figures import count_code, figures_result
from measure.stack_diagram import draw_components
from terminal.options import EnvironmentOption, JsonOption
from terminal.results import CommandResult, finish_command

bench_app = typer.Typer()
chaos_app = typer.Typer()
diagram_app = typer.Typer()
figures_app = typer.Typer()
schedule_app = typer.Typer(no_args_is_help=True, help="Simulate the cluster's schedules.")


@bench_app.command("bench")
def run_bench(  # noqa: PLR0913 — one parameter per option
    runs: Annotated[int, typer.Option(min=1, help="how often each command is timed")] = 5,
    *,
    latency: Annotated[str, typer.Option(help="delay of each of the emulators' answers, such as 100ms")] = "0ms",
    terraform: Annotated[
        Path | None, typer.Option(help="folder of an initialized Terraform configuration to time as well")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="SVG file for a plot of the growth; only without --latency")] = None,
    parallel: Annotated[
        str, typer.Option(help="compare only these numbers of parallel operations, such as 8,16,32")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Time previews and deployments, and measure their processes, on temporary local accounts."""
    if parallel:
        delay = parse_latency(latency)
        compared = compare_parallelism(parse_parallel(parallel), latency=delay)
        finish_command(parallelism_report(compared, latency=delay), as_json=json)
        return
    measured = measure_runs(runs=runs, latency=parse_latency(latency), terraform=terraform)
    if plot is not None and measured.growth:
        plot.write_text(draw_growth(measured.growth), encoding="utf-8")
    finish_command(bench_report(measured), as_json=json)


@chaos_app.command("chaos")
def run_chaos(
    kills: Annotated[int, typer.Option(min=1, help="how often to kill the engine")] = 20,
    seed: Annotated[int, typer.Option(help="the same seed kills at the same moments")] = 1,
    *,
    json: JsonOption = False,
) -> None:
    """Kill the engine at many moments, and check that `up` converges each time."""
    finish_command(campaign.chaos_report(campaign.run_kills(kills=kills, seed=seed), seed=seed), as_json=json)


@figures_app.command("figures")
def show_code_figures(*, json: JsonOption = False) -> None:
    """Count names, lines and functions of the code."""
    finish_command(figures_result(count_code()), as_json=json)


@diagram_app.command("diagram")
def show_stack_diagram(environment: EnvironmentOption = "local") -> None:
    """Print a deployed stack's components and what they use, in Mermaid."""
    deployment = find_stack_environment(environment).open_engine().read_deployment()
    finish_command(CommandResult(text=draw_components(deployment.get("resources", []))))


@schedule_app.callback()
def _declare_group() -> None:
    """Keep `year` a subcommand: without a callback, Typer would merge a group with its only command."""


@schedule_app.command("year")
def simulate_schedule_year(
    year: Annotated[int, typer.Option(min=2020, max=2090, help="which year to simulate")] = 2027,
    *,
    json: JsonOption = False,
) -> None:
    """Simulate a year in three time zones, and compare the calendar with the effect of the scheduled actions."""
    outcomes = simulation.simulate_years(simulation.year_cases(year))
    finish_command(simulation.years_report(outcomes), as_json=json)
