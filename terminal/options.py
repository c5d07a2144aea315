"""Options that several commands have in common."""

from __future__ import annotations

from typing import Annotated

import typer

EnvironmentOption = Annotated[
    str, typer.Option("--environment", help="the stack's name: prod, staging, or local for the emulated account")
]
JsonOption = Annotated[bool, typer.Option("--json", help="print the result for programs")]
