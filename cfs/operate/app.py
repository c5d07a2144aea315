"""The commands `cfs status`, `cfs unlock`, `cfs diagnose` and `cfs import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cfs.environments import find_stack_environment
from cfs.operate.status import read_status
from cfs.operate.unlock import unlock_stack
from terminal.options import EnvironmentOption, JsonOption
from terminal.results import finish_command

status_app = typer.Typer()
unlock_app = typer.Typer()
diagnose_app = typer.Typer()
import_app = typer.Typer()


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


@diagnose_app.command("diagnose")
def diagnose(
    environment: EnvironmentOption = "local",
    *,
    full: Annotated[bool, typer.Option("--full", help="everything, and all checks of `cfs doctor`")] = False,
    cost: Annotated[bool, typer.Option("--cost", help="what the cost guard has metered, and the bill")] = False,
    logs: Annotated[bool, typer.Option("--logs", help="the last day's errors in the logs")] = False,
    json: JsonOption = False,
) -> None:
    """Summarize the repository's runs and the account, with an action for each problem; change nothing."""
    from cfs.operate.diagnosis import DiagnosisScope, diagnose_environment  # noqa: PLC0415 — githubkit is slow to import

    scope = DiagnosisScope(cost=cost or full, logs=logs or full, doctor=full)
    finish_command(diagnose_environment(find_stack_environment(environment), scope), as_json=json)


@import_app.command("import")
def import_existing(
    environment: EnvironmentOption = "local",
    file: Annotated[Path, typer.Option(help="where to write Pulumi's import file")] = Path("import.json"),
    *,
    json: JsonOption = False,
) -> None:
    """Find what the account already has, and write Pulumi's import file for it; change nothing."""
    from cfs.operate.adoption import prepare_import  # noqa: PLC0415 — only this command previews

    finish_command(prepare_import(find_stack_environment(environment), file=file), as_json=json)
