"""The console command `cfs`: reads arguments, calls what does the work, and prints its result."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer
from rich.table import Table

from cfs import operations
from cfs.account import folder, open_account
from cfs.engine import Engine, EngineError
from cfs.errors import UserError
from cfs.progress import console
from local import servers

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Deploy and look after ClaudeFS's infrastructure on the local account.",
)
orphans_app = typer.Typer(help="Resources with the stack's tags that its state does not know.")
app.add_typer(orphans_app, name="orphans")


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
    """Print the variables that make plain `pulumi`, `aws` and boto3 work on the local account."""
    for name, value in open_account().variables().items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


@app.command()
def status() -> None:
    """Show whether the emulators run, and where."""
    table = Table("emulator", "runs", "address", "log")
    processes = servers.running(folder())
    for emulator in servers.EMULATORS:
        process = processes.get(emulator)
        alive = process is not None and process.is_alive()
        table.add_row(
            emulator.name,
            "yes" if alive else "no",
            process.url if alive and process else "",
            str(folder() / f"{emulator.module}.log"),
        )
    console.print(table)


@orphans_app.command("list")
def orphans_list() -> None:
    """List them, each with the command that deletes it."""
    operations.list_orphans(Engine(account=open_account()))


@orphans_app.command("delete")
def orphans_delete(ids: Annotated[list[str], typer.Argument(help="the ids that `cfs orphans list` shows")]) -> None:
    """Delete some of them."""
    operations.delete_orphans(Engine(account=open_account()), ids)


def main() -> None:
    """Run `cfs`; a user's error ends it with status 1 and no traceback."""
    try:
        app()
    except UserError as error:
        console.print(f"[bold red]error:[/] {error.problem}", soft_wrap=True)
        console.print(f"[bold]repair:[/] {error.repair}", soft_wrap=True)
        sys.exit(1)
    except EngineError as error:
        console.print(f"[bold red]error:[/] {error}", soft_wrap=True)
        sys.exit(1)
