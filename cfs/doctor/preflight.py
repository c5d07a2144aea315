"""The doctor as commands call it: for a stack by name, and before the local stack is deployed or refreshed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cfs.doctor import findings as found
from cfs.doctor.resource_types import REPOSITORY_FILE_TYPE
from cfs.environments import find_stack_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cfs.doctor.drift import GitHubDrift
    from cfs.doctor.findings import Finding
    from cfs.doctor.github_target import GitHubTarget
    from cfs.engine import StackEngine
    from terminal.results import CommandResult


def examine_github(stack: str) -> list[Finding]:
    """Look at what a stack needs of GitHub; the local one's is the stand-in."""
    # githubkit takes longer to load than all else here.
    from cfs.doctor.repository_checks import examine_repository  # noqa: PLC0415

    return examine_repository(_stack_target(stack))


def github_report(findings: Sequence[Finding], *, stack: str) -> CommandResult:
    """Put what was found into a table and figures."""
    return found.findings_report(findings, title=f"GitHub, for the stack {stack}")


def check_github(engine: StackEngine, *, retry_command: str, deploys: bool = True) -> None:
    """Stop a run on a stack that GitHub would refuse, or that would lose what is there.

    Args:
        engine: The engine at work on the stack.
        retry_command: The command to repeat after the repair.
        deploys: Whether the run changes anything at GitHub; a refresh only reads.
    """
    _preflight_target(
        _local_target(engine), _recorded_github_resources(engine), retry_command=retry_command, deploys=deploys
    )


def check_stack_github(stack: str, *, recorded: Sequence[dict[str, Any]], retry_command: str) -> None:
    """Stop a deployment of any stack that GitHub would refuse, or that would lose what is there.

    Args:
        stack: The stack.
        recorded: What of GitHub its state holds and the deployment changes.
        retry_command: The command to repeat after the repair.
    """
    _preflight_target(_stack_target(stack), recorded, retry_command=retry_command, deploys=True)


def is_run_completed(stack: str, page: str) -> bool:
    """Ask GitHub whether a workflow run has ended, with all of its jobs.

    Args:
        stack: The stack that the run works on.
        page: The run's page: `https://github.com/OWNER/REPOSITORY/actions/runs/ID`.
    """
    from cfs.doctor.workflow_runs import is_completed  # noqa: PLC0415 — as above

    return is_completed(_stack_target(stack), page)


def is_github_resource(resource: dict[str, Any]) -> bool:
    """Return whether a resource of a state is one at GitHub."""
    return str(resource["type"]).startswith("github:")


def _preflight_target(
    target: GitHubTarget, recorded: Sequence[dict[str, Any]], *, retry_command: str, deploys: bool
) -> None:
    from cfs.doctor.repository_checks import run_preflight  # noqa: PLC0415 — as above

    run_preflight(
        target,
        recorded=[resource["urn"] for resource in recorded],
        delivered=[resource["inputs"]["file"] for resource in recorded if resource["type"] == REPOSITORY_FILE_TYPE],
        retry_command=retry_command,
        deploys=deploys,
    )


def find_local_drift(engine: StackEngine) -> GitHubDrift:
    """Find what somebody has changed at GitHub that a deployment of the local stack alone would not repair."""
    from cfs.doctor import drift  # noqa: PLC0415 — as above

    recorded = _recorded_github_resources(engine)
    return drift.find_github_drift(_local_target(engine), recorded) if recorded else drift.GitHubDrift()


def find_unrecorded_id(engine: StackEngine, resource: dict[str, Any]) -> str | None:
    """Find what a run of the local stack has made at GitHub and not recorded; give its id."""
    from cfs.doctor.unrecorded import find_github_id  # noqa: PLC0415 — as above

    return find_github_id(_local_target(engine), resource)


def _stack_target(stack: str) -> GitHubTarget:
    from cfs.doctor.github_target import read_github_target  # noqa: PLC0415 — as above

    return read_github_target(stack, environment=find_stack_environment(stack).credential_variables())


def _local_target(engine: StackEngine) -> GitHubTarget:
    from cfs.doctor.github_target import read_github_target  # noqa: PLC0415 — as above

    return read_github_target(engine.stack_name, settings=engine.settings, environment=engine.process_environment())


def _recorded_github_resources(engine: StackEngine) -> list[dict[str, Any]]:
    """Return what the stack's state holds of GitHub, without starting the engine."""
    resources = engine.read_deployment().get("resources") or []
    return [resource for resource in resources if is_github_resource(resource)]
