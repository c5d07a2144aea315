"""The command `cfs rehearse`."""

from __future__ import annotations

from typing import Annotated

import typer

from measure.rehearsal.rehearsal import parse_without, rehearsal_report, run_rehearsal
from terminal.options import JsonOption
from terminal.results import finish_command

rehearse_app = typer.Typer()


@rehearse_app.command("rehearse")
def run_rehearse(
    without: Annotated[str, typer.Option(help="a right to take from a role: ROLE=SERVICE:ACTION")] = "",
    kills: Annotated[int, typer.Option(min=0, help="deployments to cancel in each step that changes something")] = 0,
    *,
    short: Annotated[bool, typer.Option("--short", help="end after the first deployment by GitHub's jobs")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="leave the account and its folder")] = False,
    json: JsonOption = False,
) -> None:
    """Rehearse a real account: set up by an administrator, deployed by the workflows' own steps under their roles."""
    rehearsal = run_rehearsal(short=short, keep=keep, without=parse_without(without), kills=kills)
    finish_command(rehearsal_report(rehearsal), as_json=json)
