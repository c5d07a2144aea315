"""Checks of GitHub before a run. Commands call these functions, which import githubkit only when they need it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cfs.doctor.findings import findings_report
from cfs.doctor.github_target import read_github_target
from cfs.environments import find_stack_environment
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cfs.doctor.drift import GitHubDrift
    from cfs.doctor.findings import Finding
    from cfs.doctor.github_target import GitHubTarget
    from cfs.engine import StackEngine
    from terminal.results import CommandResult


def examine_github(stack: str) -> list[Finding]:
    """Examine a stack's prerequisites on GitHub, or on the stand-in if the stack is the local one."""
    # githubkit takes longer to import than everything else here.
    from cfs.doctor.existing_resources import UNKNOWN_STATE, RecordedResources  # noqa: PLC0415
    from cfs.doctor.repository_checks import examine_repository  # noqa: PLC0415

    target = _stack_target(stack)
    try:
        engine = find_stack_environment(stack).open_engine()
        recorded = RecordedResources(resources=_known_github_resources(engine))
    except UserError:
        # The user is not logged in to the backend yet, or may not read the state: the findings say so.
        recorded = UNKNOWN_STATE
    return examine_repository(target, recorded=recorded)


def github_report(findings: Sequence[Finding], *, stack: str) -> CommandResult:
    """Return the findings on GitHub as a table and figures."""
    return findings_report(findings, title=f"GitHub, for the stack {stack}")


def check_github(engine: StackEngine, *, retry_command: str, deploys: bool = True) -> None:
    """Raise an error if GitHub would refuse a run of a stack, or if the run would lose edits; a refresh only reads."""
    from cfs.doctor.repository_checks import run_preflight  # noqa: PLC0415 — as above

    recorded = _known_github_resources(engine)
    run_preflight(_local_target(engine), recorded=recorded, retry_command=retry_command, deploys=deploys)


def check_stack_github(
    stack: str, *, recorded: Sequence[dict[str, Any]], delivered: Sequence[str], retry_command: str
) -> None:
    """Raise an error if GitHub would refuse a deployment, or if the deployment would lose edits.

    Args:
        stack: Name of the stack.
        recorded: GitHub resources of the stack's state.
        delivered: Paths of the recorded files that the deployment changes.
        retry_command: The command to repeat after the repair.
    """
    from cfs.doctor.repository_checks import run_preflight  # noqa: PLC0415 — as above

    run_preflight(_stack_target(stack), recorded=recorded, delivered=delivered, retry_command=retry_command)


def is_run_completed(stack: str, page: str) -> bool:
    """Ask GitHub whether a workflow run has ended, including all of its jobs.

    Args:
        stack: The stack that the run works on.
        page: The run's page: `https://github.com/OWNER/REPOSITORY/actions/runs/ID`.
    """
    from cfs.doctor.workflow_runs import is_completed  # noqa: PLC0415 — as above

    return is_completed(_stack_target(stack), page)


def is_github_resource(resource: dict[str, Any]) -> bool:
    """Return whether a resource of a state is a GitHub resource."""
    return str(resource["type"]).startswith("github:")


def find_local_drift(engine: StackEngine) -> GitHubDrift:
    """Find drift on GitHub that a deployment of the local stack alone would not repair."""
    from cfs.doctor.drift import GitHubDrift, find_github_drift  # noqa: PLC0415 — as above

    recorded = _recorded_github_resources(engine)
    return find_github_drift(_local_target(engine), recorded) if recorded else GitHubDrift()


def find_unrecorded_id(engine: StackEngine, resource: dict[str, Any]) -> str | None:
    """Return the provider ID of a GitHub resource that a run created without recording it."""
    from cfs.doctor.unrecorded import find_github_id  # noqa: PLC0415 — as above

    return find_github_id(_local_target(engine), resource)


def _stack_target(stack: str) -> GitHubTarget:
    return read_github_target(stack, environment=find_stack_environment(stack).credential_variables())


def _local_target(engine: StackEngine) -> GitHubTarget:
    return read_github_target(engine.stack_name, settings=engine.settings, environment=engine.process_environment())


def _recorded_github_resources(engine: StackEngine) -> list[dict[str, Any]]:
    """Return the GitHub resources of the stack's state, without starting the local engine."""
    return list(filter(is_github_resource, engine.read_deployment().get("resources") or ()))


def _known_github_resources(engine: StackEngine) -> list[dict[str, Any]]:
    """Return the GitHub resources of the stack's state, and those that a dead run may have created unrecorded."""
    deployment = engine.read_deployment()
    begun = [operation["resource"] for operation in deployment.get("pending_operations") or ()]
    return list(filter(is_github_resource, (*(deployment.get("resources") or ()), *begun)))
