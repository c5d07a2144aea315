"""The command `cfs refresh`."""

from __future__ import annotations

from typing import Annotated

import typer

from cfs.environments import find_stack_environment
from cfs.recovery.refresh_guard import refresh_stack

refresh_app = typer.Typer()


@refresh_app.command("refresh")
def refresh_environment(
    *, environment: Annotated[str, typer.Option(help="the stack's name: prod, staging, or local")]
) -> None:
    """Refresh a stack's state without losing resources that AWS still has."""
    found = find_stack_environment(environment)
    refresh_stack(found.open_engine(), found.connect_aws, retry_command=f"cfs refresh --environment {environment}")
