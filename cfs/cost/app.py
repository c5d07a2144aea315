"""Commands `cfs cost`: read arguments, call the module that does the work, print its result."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 — Typer reads the options' types at run time
from typing import Annotated

import typer

from cfs.cost.cost_report import cost_markdown, present_cost_report
from cfs.cost.stack_cost import estimate_environment, read_preview
from terminal.options import EnvironmentOption, JsonOption
from terminal.results import finish_command

app = typer.Typer(no_args_is_help=True, help="Estimate a stack's cost before its deployment.")


@app.callback()
def _declare_group() -> None:
    """Keep `estimate` a subcommand: Typer would replace a group of one command by that command."""


@app.command("estimate")
def cost_estimate(  # noqa: PLR0913 — one parameter per option
    environment: EnvironmentOption,
    preview: Annotated[Path | None, typer.Option(help="file of `pulumi preview --json`: price this change")] = None,
    settings: Annotated[Path | None, typer.Option(help="settings instead of Pulumi.ENVIRONMENT.yaml")] = None,
    markdown: Annotated[Path | None, typer.Option(help="file to write the estimate to, as Markdown")] = None,
    *,
    allow_stale_prices: Annotated[bool, typer.Option("--allow-stale-prices", help="use prices of any age")] = False,
    json: JsonOption = False,
) -> None:
    """Show a stack's cost by component and lever; exit with status 1 if a running day exceeds the day's limit."""
    report = estimate_environment(
        environment,
        today=datetime.now(UTC).date(),
        settings_file=settings,
        preview=None if preview is None else read_preview(preview),
        allow_stale=allow_stale_prices,
    )
    if markdown is not None:
        markdown.write_text(cost_markdown(report), encoding="utf-8")
    finish_command(present_cost_report(report), as_json=json)
