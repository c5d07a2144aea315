"""Summary of a preview, as one job writes it for another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from cfs.previews.changes import PreviewChange  # noqa: TC001 — pydantic reads the annotations when the program runs
from terminal.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


class PreviewSummary(BaseModel):
    """What one environment would change.

    Attributes:
        environment: The stack's name.
        changes: What `up` would change.
        drift: What differs in the account from the state; None where nobody looked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: str
    changes: tuple[PreviewChange, ...]
    drift: tuple[PreviewChange, ...] | None = None


def read_preview_summaries(folder: Path, expected: str) -> dict[str, PreviewSummary | None]:
    """Read the summaries of all environments.

    Args:
        folder: The files of `cfs ci preview --output`; it may be missing where every preview failed.
        expected: The GitHub environments, as a JSON list, such as `["staging", "production"]`.

    Returns:
        The summaries by environment, None where its preview failed.
    """
    try:
        names = [str(name) for name in json.loads(expected)]
        summaries = [PreviewSummary.model_validate_json(path.read_bytes()) for path in sorted(folder.glob("*.json"))]
    except (ValueError, TypeError) as error:
        raise UserError(
            f"--expected {expected} or a file in {folder} cannot be read: {error}.",
            repair="""Give the variable PREVIEW_ENVIRONMENTS, such as '["staging", "production"]', """
            "and what `cfs ci preview --output` wrote.",
        ) from error
    by_stack = {summary.environment: summary for summary in summaries}
    return {name: by_stack.get(environment_stack(name)) for name in names}


def environment_stack(environment: str) -> str:
    """Return the stack of a GitHub environment."""
    return "prod" if environment == "production" else environment
