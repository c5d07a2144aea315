"""The commands `cfs bench`, `cfs chaos`, `cfs schedule year`, `cfs figures` and `cfs diagram`."""

from __future__ import annotations

from typing import Annotated

import typer

from cfs.environments import find_stack_environment
from measure import bench as benchmark
from measure import chaos as campaign
from measure import schedule_year as simulation
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
def run_bench(
    runs: Annotated[int, typer.Option(min=1, help="how often each command is timed")] = 5,
    *,
    json: JsonOption = False,
) -> None:
    """Time previews against the floor, on a separate local account."""
    finish_command(benchmark.bench_report(benchmark.measure_previews(runs=runs)), as_json=json)


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
