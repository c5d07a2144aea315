"""The doctor as commands call it: for a stack by name, and before the local stack is deployed or refreshed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cfs.doctor import findings as found
from cfs.doctor.resource_types import FILE
from cfs.environments import find_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cfs.doctor.drift import Drift
    from cfs.doctor.findings import Finding
    from cfs.doctor.target import Target
    from cfs.engine import StackEngine
    from terminal.report import Report


def examine_github(stack: str) -> list[Finding]:
    """Look at what a stack needs of GitHub; the local one's is the stand-in.

    Raises:
        UserError: GitHub cannot be asked.
    """
    # githubkit takes longer to load than all else here.
    from cfs.doctor.github import examine  # noqa: PLC0415

    return examine(_of(stack))


def as_report(findings: Sequence[Finding], *, stack: str) -> Report:
    """Put what was found into a table and figures."""
    return found.report(findings, title=f"GitHub, for the stack {stack}")


def check(engine: StackEngine, *, again: str, deploys: bool = True) -> None:
    """Stop a run on the local stack that GitHub would refuse, or that would lose what is there.

    Args:
        engine: The engine.
        again: The command to repeat after the repair.
        deploys: Whether the run changes anything at GitHub; a refresh only reads.

    Raises:
        UserError: Something is wrong, or GitHub cannot be asked.
    """
    _check(_local(engine), _recorded(engine), again=again, deploys=deploys)


def check_stack(stack: str, *, recorded: Sequence[dict[str, Any]], again: str) -> None:
    """Stop a deployment of any stack that GitHub would refuse, or that would lose what is there.

    Args:
        stack: The stack.
        recorded: What of GitHub its state holds and the deployment changes.
        again: The command to repeat after the repair.

    Raises:
        UserError: Something is wrong, or GitHub cannot be asked.
    """
    _check(_of(stack), recorded, again=again, deploys=True)


def is_of_github(resource: dict[str, Any]) -> bool:
    """Tell whether a resource of a state is one at GitHub."""
    return str(resource["type"]).startswith("github:")


def _check(target: Target, recorded: Sequence[dict[str, Any]], *, again: str, deploys: bool) -> None:
    from cfs.doctor.github import preflight  # noqa: PLC0415 — as above

    preflight(
        target,
        recorded=[resource["urn"] for resource in recorded],
        delivered=[resource["inputs"]["file"] for resource in recorded if resource["type"] == FILE],
        again=again,
        deploys=deploys,
    )


def find_drift(engine: StackEngine) -> Drift:
    """Find what somebody has changed at GitHub that a deployment of the local stack alone would not repair.

    Raises:
        UserError: GitHub cannot be asked.
    """
    from cfs.doctor import drift  # noqa: PLC0415 — as above

    recorded = _recorded(engine)
    return drift.find(_local(engine), recorded) if recorded else drift.Drift()


def find_made(engine: StackEngine, resource: dict[str, Any]) -> str | None:
    """Find what a run of the local stack has made at GitHub and not recorded; give its id.

    Raises:
        UserError: GitHub cannot be asked.
    """
    from cfs.doctor import made  # noqa: PLC0415 — as above

    return made.find(_local(engine), resource)


def _of(stack: str) -> Target:
    from cfs.doctor.target import read_target  # noqa: PLC0415 — as above

    return read_target(stack, environment=find_environment(stack).variables())


def _local(engine: StackEngine) -> Target:
    from cfs.doctor.target import read_target  # noqa: PLC0415 — as above

    return read_target(engine.stack, settings=engine.settings, environment=engine.environment())


def _recorded(engine: StackEngine) -> list[dict[str, Any]]:
    """Give what the stack's state holds of GitHub, without starting the engine."""
    resources = engine.read_deployment().get("resources") or []
    return [resource for resource in resources if is_of_github(resource)]
