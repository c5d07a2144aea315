"""Commands `cfs doctor`."""

from __future__ import annotations

import typer

from cfs.doctor.preflight import examine_github, github_report
from terminal.options import EnvironmentOption, JsonOption
from terminal.results import finish_command

app = typer.Typer(no_args_is_help=True, help="Check what a deployment needs before it begins.")


@app.callback()
def _declare_group() -> None:
    """Keep `github` a sub-command: Typer would turn a group of one command into that command."""


@app.command("github")
def doctor_github(environment: EnvironmentOption = "local", *, json: JsonOption = False) -> None:
    """Check, before a deployment, whether GitHub will accept what the stack declares there."""
    finish_command(github_report(examine_github(environment), stack=environment), as_json=json)
