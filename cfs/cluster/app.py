"""Commands `cfs cluster`: read arguments, call the module that does the work, print its result."""

from __future__ import annotations

from typing import Annotated

import typer

from cfs.cluster.down import stop_cluster
from cfs.cluster.reports import start_report, status_report, stop_report
from cfs.cluster.status import read_cluster_status
from cfs.cluster.up import ClusterWindow, start_cluster
from cfs.durations import parse_duration
from cfs.environments import find_stack_environment
from terminal.options import EnvironmentOption, JsonOption
from terminal.results import finish_command

app = typer.Typer(
    no_args_is_help=True, help="Start the test cluster outside its schedule, stop it, and show its state and cost."
)

RegionOption = Annotated[str | None, typer.Option(help="AWS region; default: aws:region of the environment's settings")]
GroupsOption = Annotated[
    list[str] | None,
    typer.Option("--group", help="group, role or prefix of names; repeatable; default: all groups"),
]


@app.command("up")
def cluster_up(  # noqa: PLR0913 — one parameter per option
    duration: Annotated[str, typer.Option("--for", help="duration from 15m to 72h: 90m, 3h, 1h30m")],
    group: GroupsOption = None,
    environment: EnvironmentOption = "local",
    region: RegionOption = None,
    *,
    on_demand: Annotated[bool, typer.Option("--on-demand", help="on demand if AWS has no spot capacity")] = False,
    shorten: Annotated[bool, typer.Option("--shorten", help="allow an earlier stop than another window set")] = False,
    force: Annotated[bool, typer.Option("--force", help="start despite the day's budget")] = False,
    json: JsonOption = False,
) -> None:
    """Start nodes for a limited time; they stop on their own, even if this command is killed."""
    window = ClusterWindow(
        environment=environment,
        duration=parse_duration(duration),
        groups=tuple(group or ()),
        on_demand=on_demand,
        force=force,
        shorten=shorten,
    )
    started = start_cluster(find_stack_environment(environment).connect_aws(region=region), window)
    finish_command(start_report(started, environment=environment), as_json=json)


@app.command("down")
def cluster_down(
    group: GroupsOption = None,
    environment: EnvironmentOption = "local",
    region: RegionOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Stop nodes, wait until none is left, and show when the schedule starts them next."""
    stopped = stop_cluster(find_stack_environment(environment).connect_aws(region=region), environment, group or ())
    finish_command(stop_report(stopped, environment=environment), as_json=json)


@app.command("status")
def cluster_status(
    environment: EnvironmentOption = "local", region: RegionOption = None, *, json: JsonOption = False
) -> None:
    """Show which nodes run, why, until when, and at what cost; change nothing."""
    aws = find_stack_environment(environment).connect_aws(region=region)
    shown = status_report(
        read_cluster_status(aws, environment),
        environment=environment,
        region=aws.region,
        is_emulated=aws.is_emulated,
    )
    finish_command(shown, as_json=json)
