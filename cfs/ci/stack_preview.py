"""Asks Pulumi about a stack: of the emulated account for `local`, else with the caller's own login and credentials."""

from __future__ import annotations

import json

from cfs.ci.preview_summary import PreviewSummary, parse_changes
from cfs.engine import EngineError
from cfs.environments import find_stack_environment
from terminal.errors import UserError

_SHOWN_CHARACTERS = 4000
"""As much of a failure is shown: its end."""


def summarize_preview(environment: str, *, drift: bool) -> PreviewSummary:
    """See what a stack would change and, if wanted, what has drifted from its state. Nothing is changed.

    Raises:
        UserError: Pulumi cannot be had, or fails; the message says why.
        EngineError: It fails on the emulated account.
    """
    engine = find_stack_environment(environment).open_engine()
    try:
        changes = parse_changes(engine.query_json("preview", "--json"))
        # The state against the account alone: what has been merged and not deployed is no drift.
        drifted = parse_changes(engine.query_json("refresh", "--preview-only", "--json")) if drift else None
    except EngineError as error:
        if find_stack_environment(environment).aws_url:
            raise
        told = f"{_diagnostics_text(error.stdout)}{error.stderr}".strip()[-_SHOWN_CHARACTERS:]
        raise UserError(
            f"`pulumi {error.operation}` failed on {environment}:\n{told}",
            repair="check PULUMI_BACKEND_URL, the AWS credentials and GITHUB_TOKEN, and that the stack exists",
        ) from error
    return PreviewSummary(environment=environment, changes=changes, drift=drifted)


def _diagnostics_text(printed: str) -> str:
    """Give the errors that the engine writes into its JSON."""
    try:
        told = json.loads(printed)
    except json.JSONDecodeError:
        return printed
    return "\n".join(found.get("message", "") for found in told.get("diagnostics", []))
