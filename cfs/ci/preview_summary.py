"""Summary of a preview, which one job writes for another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from cfs.previews.changes import PreviewChange  # noqa: TC001 — pydantic reads the annotations when the program runs
from cfs.previews.policy_findings import PolicyFinding  # noqa: TC001 — the same
from terminal.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


class PreviewSummary(BaseModel):
    """Changes that `up` would make to one environment.

    Attributes:
        drift: Differences between the account and the state; None if drift was not looked for.
        cost: Cost of the changes as Markdown; "" if it was not estimated.
        policies: Violations of policies, mandatory ones first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: str
    changes: tuple[PreviewChange, ...]
    drift: tuple[PreviewChange, ...] | None = None
    cost: str = ""
    policies: tuple[PolicyFinding, ...] = ()


def read_preview_summaries(folder: Path, expected: str) -> dict[str, PreviewSummary | None]:
    """Read the summaries of all environments.

    Args:
        folder: The files of `cfs ci preview --output`; may be missing if every preview failed.
        expected: The GitHub environments, as a JSON list, such as `["staging", "production"]`.

    Returns:
        The summaries by environment; None for a failed preview.
    """
    try:
        names = [str(name) for name in json.loads(expected)]
        summaries = [PreviewSummary.model_validate_json(path.read_bytes()) for path in sorted(folder.glob("*.json"))]
    except (ValueError, TypeError) as error:
        raise UserError(
            f"--expected {expected} or a file in {folder} cannot be read: {error}.",
            repair="""Set the variable PREVIEW_ENVIRONMENTS to a list such as '["staging", "production"]', """
            "and give the files of `cfs ci preview --output`.",
        ) from error
    by_stack = {summary.environment: summary for summary in summaries}
    return {name: by_stack.get(environment_stack(name)) for name in names}


def environment_stack(environment: str) -> str:
    """Return the stack of a GitHub environment."""
    return "prod" if environment == "production" else environment
