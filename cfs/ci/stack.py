"""Asks Pulumi about a stack: of the emulated account for `local`, else with the caller's own login and credentials."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from cfs.account import PROJECT, STACK, open_account
from cfs.ci.look import Look, differences
from cfs.engine import Engine
from cfs.errors import UserError
from toolchain import obtain

if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[..., Any]

ANSWER_LIMIT = 1200
"""Seconds for one answer: a refresh asks AWS and GitHub about every resource."""

_SHOWN_CHARACTERS = 4000
"""As much of a failure is shown: its end."""


def look(environment: str, *, drift: bool) -> Look:
    """See what a stack would change and, if wanted, what has drifted from its state. Nothing is changed.

    Raises:
        UserError: Pulumi cannot be had, or fails; the message says why.
        EngineError: It fails on the emulated account.
    """
    ask = _asking(environment)
    changes = differences(ask("preview", "--json"))
    return Look(
        environment=environment,
        changes=changes,
        # The state against the account alone: what has been merged and not deployed is no drift.
        drift=differences(ask("refresh", "--preview-only", "--json")) if drift else None,
    )


def _asking(environment: str) -> Ask:
    if environment == STACK:
        engine = Engine(account=open_account())
        engine.ensure_stack()
        return engine.query_json
    return lambda *arguments: _query(environment, *arguments)


def _query(environment: str, *arguments: str) -> Any:
    toolchain = obtain()
    path = os.pathsep.join([*map(str, toolchain.path), os.environ.get("PATH", os.defpath)])
    pulumi = shutil.which("pulumi", path=path)
    if pulumi is None:
        raise UserError(f"There is no pulumi on {path}.", repair="Run `make up`, which gets it.")
    command = [pulumi, *arguments, "--stack", environment, "--non-interactive"]
    try:
        done = subprocess.run(
            command,
            cwd=PROJECT,
            env={**os.environ, **toolchain.env, "PATH": path},
            capture_output=True,
            text=True,
            timeout=ANSWER_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"`pulumi {' '.join(arguments)}` has not answered within {ANSWER_LIMIT} s.", repair="Run it again."
        ) from error
    if done.returncode != 0:
        said = f"{_diagnostics(done.stdout)}{done.stderr}".strip()[-_SHOWN_CHARACTERS:]
        raise UserError(
            f"`pulumi {' '.join(arguments)}` failed on {environment}:\n{said}",
            repair="Check PULUMI_BACKEND_URL, the AWS credentials and GITHUB_TOKEN, and that the stack exists.",
        )
    return json.loads(done.stdout)


def _diagnostics(printed: str) -> str:
    """Give the errors that the engine writes into its JSON."""
    try:
        told = json.loads(printed)
    except json.JSONDecodeError:
        return printed
    return "\n".join(found.get("message", "") for found in told.get("diagnostics", []))
