"""The sub-commands of `cfs cluster`: read arguments, call what does the work, print its result.

What the work needs is imported when a command runs: the other commands of `cfs` wait for none of it.
"""

from __future__ import annotations

from typing import Annotated

import typer

from terminal import report

app = typer.Typer(no_args_is_help=True, help="Start the test cluster out of hours, stop it, see it and its cost.")

Environment = Annotated[str, typer.Option(help="the stack whose cluster it is; `local` is the emulated account")]
Region = Annotated[str | None, typer.Option(help="AWS region, if not the profile's or AWS_REGION")]
Groups = Annotated[
    list[str] | None,
    typer.Option("--group", help="a group, a role or what names begin with; may be given again; none means all"),
]
AsJson = Annotated[bool, typer.Option("--json", help="print figures for programs")]


@app.command()
def up(  # noqa: PLR0913 — one for each option
    duration: Annotated[str, typer.Option("--for", help="how long from now on, from 15m to 72h: 90m, 3h, 1h30m")],
    group: Groups = None,
    environment: Environment = "local",
    region: Region = None,
    *,
    on_demand: Annotated[bool, typer.Option("--on-demand", help="where AWS has no spot capacity, on demand")] = False,
    shorten: Annotated[bool, typer.Option("--shorten", help="stop earlier than another window has set")] = False,
    force: Annotated[bool, typer.Option("--force", help="start although it is over the day's budget")] = False,
    json: AsJson = False,
) -> None:
    """Start nodes for a while; they stop by themselves, even if this command is killed."""
    from cfs.cluster import durations, reports, start  # noqa: PLC0415 — see above
    from cfs.cluster.aws import open_environment  # noqa: PLC0415 — see above

    window = start.Window(
        environment=environment,
        duration=durations.parse(duration),
        groups=tuple(group or ()),
        on_demand=on_demand,
        force=force,
        shorten=shorten,
    )
    started = start.up(open_environment(environment, region=region), window)
    report.show(reports.of_start(started, environment=environment), as_json=json)


@app.command()
def down(
    group: Groups = None,
    environment: Environment = "local",
    region: Region = None,
    *,
    json: AsJson = False,
) -> None:
    """Stop nodes, wait until none is left, and say when the schedule starts them next."""
    from cfs.cluster import halt, reports  # noqa: PLC0415 — see above
    from cfs.cluster.aws import open_environment  # noqa: PLC0415 — see above

    stopped = halt.down(open_environment(environment, region=region), environment, group or ())
    report.show(reports.of_stop(stopped, environment=environment), as_json=json)


@app.command()
def status(environment: Environment = "local", region: Region = None, *, json: AsJson = False) -> None:
    """Show what runs, why, until when, and what it costs; changes nothing."""
    from cfs.cluster import overview, reports  # noqa: PLC0415 — see above
    from cfs.cluster.aws import open_environment  # noqa: PLC0415 — see above

    aws = open_environment(environment, region=region)
    shown = reports.of_status(
        overview.status(aws, environment), environment=environment, region=aws.region(), is_emulated=aws.is_emulated
    )
    report.show(shown, as_json=json)
