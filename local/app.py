"""The commands `cfs local …`: deploy on the emulated account, and look after it."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from cfs.engine import POLICY_PACK, POLICY_PACK_VARIABLE
from local import operations
from local.account import account_folder, open_account
from local.engine import LocalEngine
from terminal.options import JsonOption
from terminal.results import finish_command

app = typer.Typer(no_args_is_help=True, help="Deploy on the emulated account, and look after it.")
orphans_app = typer.Typer(no_args_is_help=True, help="Resources with the stack's tags that are not in its state.")
app.add_typer(orphans_app, name="orphans")


@app.command("up")
def local_up(
    *,
    as_on_aws: Annotated[
        bool | None,
        typer.Option(help="let the account delay, limit and fail as AWS does; it stays so until switched off"),
    ] = None,
) -> None:
    """Deploy the stack `local` on the emulators, after repairing the leftovers of a dead run."""
    operations.deploy_local_stack(_open_engine(), as_on_aws=as_on_aws)


@app.command("preview")
def local_preview() -> None:
    """Show what `up` would change."""
    operations.preview_local_stack(_open_engine())


@app.command("refresh")
def local_refresh() -> None:
    """Update the state with changes made outside Pulumi."""
    operations.refresh_local_stack(_open_engine())


@app.command("down")
def local_down() -> None:
    """Destroy everything except protected resources, and stop the emulators."""
    operations.destroy_local_stack(_open_engine())


@app.command("env")
def local_env() -> None:
    """Print shell commands that make plain `pulumi`, `aws` and boto3 use only the local account."""
    account = open_account()
    for name in account.foreign_variables():
        sys.stdout.write(f"unset {name}\n")
    for name, value in {**account.account_variables(), POLICY_PACK_VARIABLE: str(POLICY_PACK)}.items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


@app.command("status")
def local_status(*, json: JsonOption = False) -> None:
    """Show whether the emulators are running, and their addresses."""
    finish_command(operations.emulator_report(account_folder()), as_json=json)


@orphans_app.command("list")
def orphans_list() -> None:
    """List orphans, each with the command that deletes or adopts it."""
    operations.print_orphans(_open_engine())


@orphans_app.command("delete")
def orphans_delete(
    ids: Annotated[list[str], typer.Argument(help="the ids that `cfs local orphans list` shows")],
) -> None:
    """Delete orphans."""
    operations.delete_orphans(_open_engine(), ids)


@orphans_app.command("adopt")
def orphans_adopt(
    ids: Annotated[list[str], typer.Argument(help="the ids that `cfs local orphans list` shows")],
) -> None:
    """Adopt orphans: protected resources of the stack that its state has lost."""
    operations.adopt_orphans(_open_engine(), ids)


def _open_engine() -> LocalEngine:
    return LocalEngine(account=open_account())
