"""Commands `cfs guard`: read arguments, call the module that does the work, print its result."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from cfs.durations import parse_duration
from cfs.environments import find_stack_environment
from cfs.guard.guard_console import GuardConsole
from cfs.guard.guard_reports import guard_report, pause_report
from terminal.options import EnvironmentOption, JsonOption
from terminal.results import finish_command

app = typer.Typer(no_args_is_help=True, help="Show the cost guard, pause it, resume it.")


def _open_console(environment: str) -> GuardConsole:
    aws = find_stack_environment(environment).connect_aws()
    return GuardConsole(aws=aws, environment=environment)


@app.command("status")
def guard_status(environment: EnvironmentOption = "local", *, json: JsonOption = False) -> None:
    """Show what the guard has metered today, what it has changed, and a pause; change nothing."""
    console = _open_console(environment)
    finish_command(guard_report(console.read_ledger(), now=console.aws.clock(), environment=environment), as_json=json)


@app.command("pause")
def guard_pause(
    duration: Annotated[str, typer.Option("--for", help="duration from 15m to 72h: 90m, 3h, 1h30m")],
    reason: Annotated[str, typer.Option(help="why; the guard's messages and log name it")],
    environment: EnvironmentOption = "local",
    *,
    json: JsonOption = False,
) -> None:
    """Keep the guard from acting for a time; at its next tick it restores what it changed. It goes on metering."""
    console = _open_console(environment)
    pause = console.pause_guard(parse_duration(duration), reason=reason, by=getpass.getuser())
    finish_command(pause_report(pause, environment=environment), as_json=json)


@app.command("resume")
def guard_resume(environment: EnvironmentOption = "local", *, json: JsonOption = False) -> None:
    """End a pause: the guard acts again from its next tick on."""
    console = _open_console(environment)
    finish_command(pause_report(None, environment=environment, ended=console.resume_guard()), as_json=json)
