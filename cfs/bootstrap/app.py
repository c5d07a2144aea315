"""The commands `cfs bootstrap` and `cfs destroy`."""

from __future__ import annotations

from typing import Annotated

import typer

from cfs.bootstrap.destruction import Destruction
from cfs.bootstrap.new_environment import open_new_environment
from cfs.bootstrap.steps import run_steps
from terminal.errors import UserError
from terminal.progress import console

bootstrap_app = typer.Typer()
destroy_app = typer.Typer()


@bootstrap_app.command("bootstrap")
def bootstrap_environment(
    *,
    environment: Annotated[str, typer.Option(help="the stack's name: prod or staging")],
    adopt: Annotated[str, typer.Option(help="existing bucket to keep the state in")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the steps and change nothing")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="adopt without asking")] = False,
) -> None:
    """Prepare an account for the first `pulumi up`: state bucket, key, backend, stack and settings."""
    found = open_new_environment(environment, adopt=adopt)
    found.setup.check_variables()
    changes = found.adopted_changes()
    if changes:
        console.print(f"The first `pulumi up` changes the bucket {adopt}:", soft_wrap=True)
        for change in changes:
            console.print(f"  {change}", soft_wrap=True)
        if not (dry_run or yes):
            typer.confirm("Adopt it?", abort=True, err=True)
    run_steps(found.steps(), dry_run=dry_run)
    if not dry_run:
        console.print(found.next_commands(), soft_wrap=True)


@destroy_app.command("destroy")
def destroy_environment(
    *,
    environment: Annotated[str, typer.Option(help="the stack's name: prod or staging")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the steps and change nothing")] = False,
    yes_destroy: Annotated[str, typer.Option(help="the name again, instead of the prompt")] = "",
) -> None:
    """Destroy an environment with its protected resources, its releases, its state and finally the state's key."""
    destruction = Destruction(environment=open_new_environment(environment))
    destruction.environment.setup.check_variables()
    if not dry_run:
        confirmed = yes_destroy or typer.prompt(f"Type the name of the environment to destroy {environment}", err=True)
        if confirmed != environment:
            raise UserError(
                f"{confirmed} is not {environment}: nothing was destroyed.", repair=f"--yes-destroy {environment}"
            )
    run_steps(destruction.steps(), dry_run=dry_run)
    if kept := destruction.kept_objects():
        bucket = destruction.environment.bucket.name
        console.print(f"The bucket {bucket} and the key stay: it also holds {', '.join(kept[:3])}.", soft_wrap=True)
