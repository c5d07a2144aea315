"""Reads the commands of a disaster from docs/recovery.md."""

from __future__ import annotations

import re

from infra.project import PROJECT_FOLDER
from terminal.errors import UserError

RECOVERY_PAGE = PROJECT_FOLDER / "docs/recovery.md"

_BLOCK = re.compile(r"^```sh(?P<kind> prepare)?\n(?P<commands>.*?)^```", re.DOTALL | re.MULTILINE)


def recovery_commands(page: str, heading: str) -> str:
    """Return the commands of a section, without those that prepare for the disaster."""
    return "".join(found["commands"] for found in _BLOCK.finditer(_section(page, heading)) if not found["kind"])


def preparing_commands(page: str, heading: str) -> str:
    """Return a section's commands that have to run before the disaster."""
    return "".join(found["commands"] for found in _BLOCK.finditer(_section(page, heading)) if found["kind"])


def _section(page: str, heading: str) -> str:
    _, found, rest = page.partition(f"\n## {heading}\n")
    if not found:
        raise UserError(
            f"{RECOVERY_PAGE} has no section {heading!r}.", repair="write the section, or rename the disaster"
        )
    return rest.partition("\n## ")[0]
