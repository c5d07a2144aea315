"""Commands `cfs doctor`."""

from __future__ import annotations

import typer

from cfs.doctor.preflight import examine_github, github_report
from terminal.options import EnvironmentOption, JsonOption
from terminal.results import finish_command

app = typer.Typer(no_args_is_help=True, help="Check a deployment's prerequisites.")


@app.callback()
def _declare_group() -> None:
    """Keep `github` a subcommand: Typer would replace a group of one command by that command."""


@app.command("github")
def doctor_github(environment: EnvironmentOption = "local", *, json: JsonOption = False) -> None:
    """Check, before a deployment, whether GitHub will accept the resources that the stack declares."""
    finish_command(github_report(examine_github(environment), stack=environment), as_json=json)
