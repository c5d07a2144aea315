"""Commands `cfs prices`: read arguments, call the module that does the work, print its result."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 — Typer reads the options' types at run time
from typing import Annotated

import typer

from cfs.environments import find_stack_environment
from cfs.prices.refresh import refresh_prices
from infra.project import PROJECT_FOLDER
from terminal.options import EnvironmentOption, JsonOption
from terminal.results import CommandResult, finish_command

app = typer.Typer(no_args_is_help=True, help="Maintain the snapshot of AWS's prices.")

SNAPSHOT = PROJECT_FOLDER / "costs" / "prices.json"


@app.callback()
def _declare_group() -> None:
    """Keep `refresh` a subcommand: Typer would replace a group of one command by that command."""


@app.command("refresh")
def prices_refresh(
    environment: EnvironmentOption,
    region: Annotated[list[str] | None, typer.Option(help="AWS region; repeatable; default: the environment's")] = None,
    instance_type: Annotated[
        list[str] | None, typer.Option("--type", help="instance type besides those of the snapshot; repeatable")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="file to write instead of the snapshot")] = None,
    *,
    json: JsonOption = False,
) -> None:
    """Read prices from the Price List and the spot price history, and write them to the snapshot."""
    stack = find_stack_environment(environment)
    file = output or SNAPSHOT
    refreshed = refresh_prices(
        lambda name: stack.connect_aws(region=name),
        region or [stack.aws_region],
        types=instance_type or (),
        snapshot=SNAPSHOT,
        output=file,
    )
    finish_command(
        CommandResult(
            text=f"{len(refreshed.prices)} prices written to {file}.",
            notes=[f"AWS shows no price, so the snapshot keeps its own: {name}" for name in refreshed.unknown],
            figures={"written": len(refreshed.prices), "unknown": list(refreshed.unknown), "file": str(file)},
        ),
        as_json=json,
    )
