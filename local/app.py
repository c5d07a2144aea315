"""The commands `cfs local …`: deploy on the emulated account, and look after it."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from local import operations
from local.account import folder, open_account
from local.engine import LocalEngine
from terminal import report

app = typer.Typer(no_args_is_help=True, help="Deploy on the emulated account, and look after it.")
orphans_app = typer.Typer(no_args_is_help=True, help="Resources with the stack's tags that its state does not hold.")
app.add_typer(orphans_app, name="orphans")


@app.command()
def up() -> None:
    """Deploy the stack `local` on the emulators; repairs what a dead run has left behind."""
    operations.up(_open_engine())


@app.command()
def preview() -> None:
    """Show what `up` would change."""
    operations.preview(_open_engine())


@app.command()
def refresh() -> None:
    """Read into the state what was changed outside Pulumi."""
    operations.refresh(_open_engine())


@app.command()
def down() -> None:
    """Destroy all but what is protected and stop the emulators."""
    operations.down(_open_engine())


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
    operations.list_orphans(_open_engine())


@orphans_app.command("delete")
def orphans_delete(
    ids: Annotated[list[str], typer.Argument(help="the ids that `cfs local orphans list` shows")],
) -> None:
    """Delete some of them."""
    operations.delete_orphans(_open_engine(), ids)


def _open_engine() -> LocalEngine:
    return LocalEngine(account=open_account())
