"""The commands `cfs ci`: read arguments, call what does the work, and print its result."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 — typer reads the annotations
from typing import Annotated

import typer

from cfs.progress import console

app = typer.Typer(no_args_is_help=True, help="What continuous integration calls.")


@app.command()
def lint() -> None:
    """Check the workflow files that are delivered and this project's own."""
    from cfs.ci import lint as checker  # noqa: PLC0415 — the other commands need none of it
    from infra.delivery import delivered  # noqa: PLC0415 — likewise

    wrong = False
    for repository, files in (("ClaudeFS", delivered()), ("claudefs-infra", checker.own_files())):
        for verdict in checker.check(files):
            wrong = wrong or bool(verdict.findings)
            console.print(f"{repository}: {verdict.name}: {'wrong' if verdict.findings else 'ok'}", highlight=False)
            if verdict.findings:
                console.print(verdict.findings, markup=False, highlight=False, soft_wrap=True)
    if wrong:
        raise typer.Exit(1)


@app.command()
def workspace(checkout: Annotated[Path, typer.Argument(help="a checkout of ClaudeFS")]) -> None:
    """Print what ClaudeFS's workspace has: the manifest that the workflows are tested against."""
    from cfs.ci.workspace import read  # noqa: PLC0415 — likewise

    sys.stdout.write(json.dumps(asdict(read(checkout)), indent=2) + "\n")
