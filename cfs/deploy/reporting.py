"""Results for people, for programs, and for the GitHub job that a command runs in."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class ConsoleResult:
    """What a command says in the end.

    Attributes:
        text: For people.
        summary: Markdown for the job's page.
        outputs: For later steps of the job; one line each.
        figures: For programs; JSON's own types only.
        exit_code: How the command ends.
    """

    text: str
    summary: str
    outputs: Mapping[str, str]
    figures: Mapping[str, Any]
    exit_code: int = 0


def print_result(result: ConsoleResult, *, as_json: bool, variables: Mapping[str, str]) -> None:
    """Write a result to stdout, and to the files that GitHub reads where a job has them.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands

    Raises:
        UserError: One of those files cannot be written.
    """
    if as_json:
        sys.stdout.write(json.dumps(result.figures, indent=2) + "\n")
    else:
        Console(highlight=False).print(result.text, markup=False, soft_wrap=True)
    _append_text(variables.get("GITHUB_STEP_SUMMARY"), f"{result.summary.rstrip()}\n\n")
    # A value of more lines could name outputs of its own.
    _append_text(
        variables.get("GITHUB_OUTPUT"),
        "".join(f"{name}={' '.join(value.split())}\n" for name, value in result.outputs.items()),
    )


def _append_text(path: str | None, text: str) -> None:
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error}.",
            repair="unset GITHUB_STEP_SUMMARY and GITHUB_OUTPUT outside a GitHub job",
        ) from error
