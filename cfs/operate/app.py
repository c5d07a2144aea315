"""The commands `cfs status` and `cfs unlock`."""

from __future__ import annotations

from typing import Annotated

import typer

from cfs.environments import find_stack_environment
from cfs.operate.status import read_status
from cfs.operate.unlock import unlock_stack
from terminal.options import EnvironmentOption, JsonOption
from terminal.results import finish_command

status_app = typer.Typer()
unlock_app = typer.Typer()


@status_app.command("status")
def show_status(environment: EnvironmentOption = "local", *, json: JsonOption = False) -> None:
    """Show an environment on one screen: machines, release, cost, alarms, lock; change nothing."""
    finish_command(read_status(find_stack_environment(environment)), as_json=json)


@unlock_app.command("unlock")
def unlock_environment(
    environment: EnvironmentOption = "local",
    *,
    force: Annotated[str, typer.Option(help="ID of a lock to remove although its run may live")] = "",
    json: JsonOption = False,
) -> None:
    """Show who holds the lock on a stack; remove it if that run is dead, and name the next command."""
    finish_command(unlock_stack(find_stack_environment(environment), forced_id=force), as_json=json)
