"""The sub-commands of `cfs cluster`: read arguments, call what does the work, print its result.

What the work needs is imported when a command runs: the other commands of `cfs` wait for none of it.
"""

from __future__ import annotations

from typing import Annotated

import typer

from terminal.results import finish_command

app = typer.Typer(no_args_is_help=True, help="Start the test cluster out of hours, stop it, see it and its cost.")

ClusterEnvironmentOption = Annotated[
    str, typer.Option(help="the stack whose cluster it is; `local` is the emulated account")
]
RegionOption = Annotated[str | None, typer.Option(help="AWS region, if not the profile's or AWS_REGION")]
GroupsOption = Annotated[
    list[str] | None,
    typer.Option("--group", help="a group, a role or what names begin with; may be given again; none means all"),
]
ClusterJsonOption = Annotated[bool, typer.Option("--json", help="print figures for programs")]


@app.command("up")
def cluster_up(  # noqa: PLR0913 — one for each option
    duration: Annotated[str, typer.Option("--for", help="how long from now on, from 15m to 72h: 90m, 3h, 1h30m")],
    group: GroupsOption = None,
    environment: ClusterEnvironmentOption = "local",
    region: RegionOption = None,
    *,
    on_demand: Annotated[bool, typer.Option("--on-demand", help="where AWS has no spot capacity, on demand")] = False,
    shorten: Annotated[bool, typer.Option("--shorten", help="stop earlier than another window has set")] = False,
    force: Annotated[bool, typer.Option("--force", help="start although it is over the day's budget")] = False,
    json: ClusterJsonOption = False,
) -> None:
    """Start nodes for a while; they stop by themselves, even if this command is killed."""
    from cfs.cluster import durations, reports  # noqa: PLC0415 — see above
    from cfs.cluster.aws import open_aws_api  # noqa: PLC0415 — see above
    from cfs.cluster.up import ClusterWindow, start_cluster  # noqa: PLC0415 — see above

    window = ClusterWindow(
        environment=environment,
        duration=durations.parse_duration(duration),
        groups=tuple(group or ()),
        on_demand=on_demand,
        force=force,
        shorten=shorten,
    )
    started = start_cluster(open_aws_api(environment, region=region), window)
    finish_command(reports.start_report(started, environment=environment), as_json=json)


@app.command("down")
def cluster_down(
    group: GroupsOption = None,
    environment: ClusterEnvironmentOption = "local",
    region: RegionOption = None,
    *,
    json: ClusterJsonOption = False,
) -> None:
    """Stop nodes, wait until none is left, and say when the schedule starts them next."""
    from cfs.cluster import reports  # noqa: PLC0415 — see above
    from cfs.cluster.aws import open_aws_api  # noqa: PLC0415 — see above
    from cfs.cluster.down import stop_cluster  # noqa: PLC0415 — see above

    stopped = stop_cluster(open_aws_api(environment, region=region), environment, group or ())
    finish_command(reports.stop_report(stopped, environment=environment), as_json=json)


@app.command("status")
def cluster_status(
    environment: ClusterEnvironmentOption = "local", region: RegionOption = None, *, json: ClusterJsonOption = False
) -> None:
    """Show what runs, why, until when, and what it costs; changes nothing."""
    from cfs.cluster import reports  # noqa: PLC0415 — see above
    from cfs.cluster.aws import open_aws_api  # noqa: PLC0415 — see above
    from cfs.cluster.status import read_cluster_status  # noqa: PLC0415 — see above

    aws = open_aws_api(environment, region=region)
    shown = reports.status_report(
        read_cluster_status(aws, environment),
        environment=environment,
        region=aws.region_name(),
        is_emulated=aws.is_emulated,
    )
    finish_command(shown, as_json=json)
