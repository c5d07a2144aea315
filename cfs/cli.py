"""The console command `cfs`: reads arguments, calls what does the work, and prints its result."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from cfs import operations, report
from cfs.account import folder, open_account
from cfs.ci.commands import app as ci_app
from cfs.cluster.console import app as cluster_app
from cfs.deploy.console import app as deploy_app
from cfs.engine import Engine, EngineError
from cfs.errors import UserError
from cfs.progress import console
from cfs.signals import end_in_order

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Deploy and look after ClaudeFS's infrastructure on the local account.",
)
orphans_app = typer.Typer(help="Resources with the stack's tags that its state does not know.")
app.add_typer(orphans_app, name="orphans")
doctor_app = typer.Typer(help="Whether what a deployment needs elsewhere is there.")
app.add_typer(doctor_app, name="doctor")
app.add_typer(ci_app, name="ci")
schedule_app = typer.Typer(help="When the cluster is started and stopped.")
app.add_typer(schedule_app, name="schedule")
app.add_typer(deploy_app, name="deploy")
app.add_typer(cluster_app, name="cluster")


@app.command()
def up() -> None:
    """Deploy the stack `local` on the emulators; repairs what a dead run has left behind."""
    operations.up(Engine(account=open_account()))


@app.command()
def preview() -> None:
    """Show what `up` would change."""
    operations.preview(Engine(account=open_account()))


@app.command()
def refresh() -> None:
    """Read into the state what was changed outside Pulumi."""
    operations.refresh(Engine(account=open_account()))


@app.command()
def down() -> None:
    """Destroy all but what is protected and stop the emulators."""
    operations.down(Engine(account=open_account()))


@app.command()
def env() -> None:
    """Print what makes plain `pulumi`, `aws` and boto3 work on the local account, and on nothing else."""
    account = open_account()
    for name in account.foreign_variables():
        sys.stdout.write(f"unset {name}\n")
    for name, value in account.variables().items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


@app.command()
def status(
    *, json: Annotated[bool, typer.Option("--json", help="print addresses and logs for programs")] = False
) -> None:
    """Show whether the emulators run, and where."""
    report.show(operations.status(folder()), as_json=json)


@orphans_app.command("list")
def orphans_list() -> None:
    """List them, each with the command that deletes it."""
    operations.list_orphans(Engine(account=open_account()))


@orphans_app.command("delete")
def orphans_delete(ids: Annotated[list[str], typer.Argument(help="the ids that `cfs orphans list` shows")]) -> None:
    """Delete some of them."""
    operations.delete_orphans(Engine(account=open_account()), ids)


@schedule_app.command("year")
def schedule_year(
    year: Annotated[int, typer.Option(min=2020, max=2090, help="which year to simulate")] = 2027,
    *,
    json: Annotated[bool, typer.Option("--json", help="print figures for programs")] = False,
) -> None:
    """Simulate a year in three time zones and compare the calendar with what the scheduled actions make of it."""
    from cfs import schedule_year as simulation  # noqa: PLC0415 — the other commands need none of it

    outcomes = simulation.run(simulation.cases(year))
    report.show(simulation.report(outcomes), as_json=json)
    if any(outcome.differences for outcome in outcomes):
        raise typer.Exit(1)


@doctor_app.command("github")
def doctor_github(
    stack: Annotated[str, typer.Option(help="the stack whose settings are looked at")] = "local",
    *,
    json: Annotated[bool, typer.Option("--json", help="print what was found for programs")] = False,
) -> None:
    """Ask GitHub, before a deployment, whether it will take what the stack declares there."""
    from cfs.doctor import commands  # noqa: PLC0415 — the other commands need none of it

    findings = commands.examine_github(stack)
    report.show(commands.as_report(findings, stack=stack), as_json=json)
    if any(finding.verdict == "wrong" for finding in findings):
        raise typer.Exit(1)


@app.command()
def bench(
    runs: Annotated[int, typer.Option(min=1, help="how often each command is timed")] = 5,
    *,
    json: Annotated[bool, typer.Option("--json", help="print figures for programs")] = False,
) -> None:
    """Time previews against the floor, on a local account of its own."""
    from cfs import bench as measurement  # noqa: PLC0415 — the other commands need none of it

    report.show(measurement.report(measurement.run(runs=runs)), as_json=json)


@app.command()
def chaos(
    kills: Annotated[int, typer.Option(min=1, help="how often to kill the engine")] = 20,
    seed: Annotated[int, typer.Option(help="the same seed kills at the same moments")] = 1,
    *,
    json: Annotated[bool, typer.Option("--json", help="print figures for programs")] = False,
) -> None:
    """Kill the engine at many moments and check that `up` converges each time."""
    from cfs import chaos as measurement  # noqa: PLC0415 — likewise

    outcomes = measurement.run(kills=kills, seed=seed)
    report.show(measurement.report(outcomes, seed=seed), as_json=json)
    if any(outcome.problems for outcome in outcomes):
        raise typer.Exit(1)


def main() -> None:
    """Run `cfs`; a user's error ends it with status 1 and no traceback."""
    end_in_order()
    try:
        app()
    except UserError as error:
        console.print(f"[bold red]error:[/] {error.problem}", soft_wrap=True)
        console.print(f"[bold]repair:[/] {error.repair}", soft_wrap=True)
        sys.exit(1)
    except EngineError as error:
        console.print(f"[bold red]error:[/] {error}", soft_wrap=True)
        sys.exit(1)
