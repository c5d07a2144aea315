"""Summary and outputs of the current GitHub job. Outside a job, nothing is written.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping


def add_job_summary(markdown: str) -> None:
    """Append Markdown to the job summary on the workflow run's page."""
    if markdown:
        _append_to_file("GITHUB_STEP_SUMMARY", f"{markdown.rstrip()}\n\n")


def set_job_outputs(values: Mapping[str, str]) -> None:
    """Set outputs for later steps. Line breaks become spaces, because a second line could set another output."""
    _append_to_file("GITHUB_OUTPUT", "".join(f"{name}={' '.join(value.split())}\n" for name, value in values.items()))


def run_page_url(variables: Mapping[str, str] = os.environ) -> str:
    """Return the URL of the workflow run; "" outside a job."""
    server, repository, run = (variables.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else ""


def _append_to_file(variable: str, text: str) -> None:
    path = os.environ.get(variable)
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error}.", repair=f"unset {variable} outside a GitHub job"
        ) from error
