"""Previews of a stack, with its drift."""

from __future__ import annotations

import json

from cfs.ci.preview_summary import PreviewSummary
from cfs.cost.stack_cost import change_cost_section
from cfs.engine import EngineError
from cfs.environments import find_stack_environment
from cfs.previews.changes import read_changes, read_preview_errors
from terminal.errors import UserError

_SHOWN_CHARACTERS = 4000
"""Number of characters shown from the end of a failure's output."""


def summarize_preview(environment: str, *, drift: bool) -> PreviewSummary:
    """Preview a stack and, if `drift` is set, look for drift. Change nothing."""
    stack = find_stack_environment(environment)
    engine = stack.open_engine()
    try:
        preview = engine.query_json("preview", "--json")
        # Compares the state with the account only: merged but undeployed changes are not drift.
        drifted = read_changes(engine.query_json("refresh", "--preview-only", "--json")) if drift else None
    except EngineError as error:
        if stack.is_emulated:
            raise
        shown = f"{_engine_errors(error.stdout)}\n{error.stderr}".strip()[-_SHOWN_CHARACTERS:]
        raise UserError(
            f"`pulumi {error.operation}` failed on {environment}:\n{shown}",
            repair="check PULUMI_BACKEND_URL, the AWS credentials and GITHUB_TOKEN, and that the stack exists",
        ) from error
    cost = change_cost_section(environment, preview)
    return PreviewSummary(environment=environment, changes=read_changes(preview), drift=drifted, cost=cost)


def _engine_errors(printed: str) -> str:
    """Return the errors in the engine's JSON, or the whole output if it is not JSON."""
    try:
        return "\n".join(read_preview_errors(json.loads(printed)))
    except json.JSONDecodeError:
        return printed
