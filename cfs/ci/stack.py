"""Asks Pulumi about a stack: of the emulated account for `local`, else with the caller's own login and credentials."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cfs.account import STACK, open_account
from cfs.ci.look import Look, differences
from cfs.engine import Engine, EngineError
from cfs.errors import UserError
from cfs.remote import RemoteEngine
from toolchain import obtain

if TYPE_CHECKING:
    from cfs.engine import StackEngine

_SHOWN_CHARACTERS = 4000
"""As much of a failure is shown: its end."""


def look(environment: str, *, drift: bool) -> Look:
    """See what a stack would change and, if wanted, what has drifted from its state. Nothing is changed.

    Raises:
        UserError: Pulumi cannot be had, or fails; the message says why.
        EngineError: It fails on the emulated account.
    """
    engine = _engine(environment)
    try:
        changes = differences(engine.query_json("preview", "--json"))
        # The state against the account alone: what has been merged and not deployed is no drift.
        drifted = differences(engine.query_json("refresh", "--preview-only", "--json")) if drift else None
    except EngineError as error:
        if environment == STACK:
            raise
        told = f"{_diagnostics(error.output)}{error.said}".strip()[-_SHOWN_CHARACTERS:]
        raise UserError(
            f"`pulumi {error.operation}` failed on {environment}:\n{told}",
            repair="check PULUMI_BACKEND_URL, the AWS credentials and GITHUB_TOKEN, and that the stack exists",
        ) from error
    return Look(environment=environment, changes=changes, drift=drifted)


def _engine(environment: str) -> StackEngine:
    if environment != STACK:
        return RemoteEngine(environment_name=environment, toolchain=obtain())
    engine = Engine(account=open_account())
    engine.ensure_stack()
    return engine


def _diagnostics(printed: str) -> str:
    """Give the errors that the engine writes into its JSON."""
    try:
        told = json.loads(printed)
    except json.JSONDecodeError:
        return printed
    return "\n".join(found.get("message", "") for found in told.get("diagnostics", []))
