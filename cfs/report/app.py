"""The command `cfs report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cfs.environments import find_stack_environment
from cfs.report.status_page import build_status_page
from terminal.options import EnvironmentOption, JsonOption
from terminal.results import CommandResult, finish_command

report_app = typer.Typer()


@report_app.command("report")
def write_report(
    *,
    environment: EnvironmentOption,
    output: Annotated[Path, typer.Option(help="the HTML file to write")] = Path("status.html"),
    hours: Annotated[int, typer.Option(min=1, max=336, help="how many hours the page shows")] = 24,
    json: JsonOption = False,
) -> None:
    """Write the dashboards with their data as one page that needs no network."""
    page = build_status_page(find_stack_environment(environment).connect_aws(), environment, hours=hours)
    output.write_text(page.render_html(), encoding="utf-8")
    result = CommandResult(
        text=f"{output} shows {environment} in the last {hours} hours", figures={"file": str(output)}
    )
    finish_command(result, as_json=json)
