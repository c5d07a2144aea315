"""What a command tells the GitHub job that it runs in; elsewhere nothing.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def add_step_summary(text: str) -> None:
    """Add Markdown to the page of the run."""
    _append_to_file("GITHUB_STEP_SUMMARY", f"{text.rstrip()}\n\n")


def set_step_outputs(values: Mapping[str, str]) -> None:
    """Give later steps some values, one line each."""
    _append_to_file("GITHUB_OUTPUT", "".join(f"{name}={' '.join(value.split())}\n" for name, value in values.items()))


def run_page_url() -> str:
    """Give the address of the run's page; empty outside a job."""
    server, repository, run = (os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else ""


def _append_to_file(variable: str, text: str) -> None:
    path = os.environ.get(variable)
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
