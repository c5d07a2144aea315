"""Previews of a stack, with its drift."""

from __future__ import annotations

import json

from cfs.ci.preview_summary import PreviewSummary
from cfs.cost.stack_cost import change_cost_section
from cfs.engine import EngineError
from cfs.environments import find_stack_environment
from cfs.previews.changes import read_changes, read_preview_errors
from cfs.previews.policy_findings import read_policy_findings
from terminal.errors import UserError

_SHOWN_CHARACTERS = 4000
"""Number of characters shown from the end of a failure's output."""


def summarize_preview(environment: str, *, drift: bool) -> PreviewSummary:
    """Preview a stack and, if `drift` is set, look for drift. Change nothing."""
    stack = find_stack_environment(environment)
    engine = stack.open_engine()
    try:
        preview = engine.query_preview()
        # Compares the state with the account only: merged but undeployed changes are not drift.
        drifted = read_changes(engine.query_json("refresh", "--preview-only", "--json")) if drift else None
    except EngineError as error:
        if stack.is_emulated:
            raise
        raise _preview_failure(
            error.operation, environment, f"{_engine_errors(error.stdout)}\n{error.stderr}"
        ) from error
    if errors := read_preview_errors(preview):
        raise _preview_failure("preview", environment, "\n".join(errors))
    return PreviewSummary(
        environment=environment,
        changes=read_changes(preview),
        drift=drifted,
        cost=change_cost_section(environment, preview),
        policies=read_policy_findings(preview),
    )


def _preview_failure(operation: str, environment: str, output: str) -> UserError:
    return UserError(
        f"`pulumi {operation}` failed on {environment}:\n{output.strip()[-_SHOWN_CHARACTERS:]}",
        repair="check PULUMI_BACKEND_URL, the AWS credentials and GITHUB_TOKEN, and that the stack exists",
    )


def _engine_errors(printed: str) -> str:
    """Return the errors in the engine's JSON, or the whole output if it is not JSON."""
    try:
        return "\n".join(read_preview_errors(json.loads(printed)))
    except json.JSONDecodeError:
        return printed
