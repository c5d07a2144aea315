"""The commands `cfs bootstrap` and `cfs destroy`."""

from __future__ import annotations

from typing import Annotated

import typer

from cfs.bootstrap.new_environment import open_new_environment
from cfs.bootstrap.steps import run_steps
from terminal.progress import console

bootstrap_app = typer.Typer()


@bootstrap_app.command("bootstrap")
def bootstrap_environment(
    *,
    environment: Annotated[str, typer.Option(help="the stack's name: prod or staging")],
    adopt: Annotated[str, typer.Option(help="keep the state in this bucket, which exists")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the steps and change nothing")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="adopt without asking")] = False,
) -> None:
    """Bring an account to where `pulumi up` can begin: state bucket, key, backend, stack and settings."""
    found = open_new_environment(environment, adopt=adopt)
    found.setup.check_variables()
    changes = found.adopted_changes()
    if changes:
        console.print(f"The first `pulumi up` changes the bucket {adopt}:", markup=False, soft_wrap=True)
        for change in changes:
            console.print(f"  {change}", markup=False, soft_wrap=True)
        if not (dry_run or yes):
            typer.confirm("Adopt it?", abort=True, err=True)
    run_steps(found.steps(), dry_run=dry_run)
    if not dry_run:
        console.print(found.next_commands(), markup=False, soft_wrap=True)
