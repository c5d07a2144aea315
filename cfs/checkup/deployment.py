"""Checks the backend, the stack's state and the versions of Pulumi's parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfs.doctor.findings import doubtful_finding, good_finding, wrong_finding
from toolchain import versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cfs.checkup.facts import EnvironmentFacts, RecordedStack
    from cfs.doctor.findings import Finding


def examine_backend(facts: EnvironmentFacts) -> Iterator[Finding]:
    """Report whether the state can be read, and whether the stack is deployed."""
    stack = facts.stack
    if stack.problem is not None:
        yield wrong_finding(
            "backend",
            f"{stack.problem.problem} What is deployed was not examined.",
            repair=stack.problem.repair,
        )
    elif not stack.is_deployed:
        up = "cfs local up" if facts.environment.is_emulated else f"pulumi up --stack {facts.name}"
        yield doubtful_finding("backend", "The stack is not deployed: what it declares was not examined.", repair=up)
    else:
        yield good_finding("backend", f"The state has {len(stack.resources)} resources.")
        pending = facts.stack.pending
        if pending:
            yield _pending_finding(facts, pending)


def examine_versions(facts: EnvironmentFacts) -> Iterator[Finding]:
    """Compare the versions of the engine and of the plugins in the state with the pinned ones."""
    stack = facts.stack
    if stack.engine_version:
        yield judge_engine(stack.engine_version)
        yield from judge_plugins(stack)


def judge_engine(version: str) -> Finding:
    """Judge the engine's version."""
    pinned = versions.built_engine_version()
    if versions.is_supported_engine(version):
        return good_finding("versions", f"Pulumi {version}; this project is tested with {pinned}.")
    return wrong_finding(
        "versions",
        f"Pulumi is {version}; this project needs {pinned} or a newer version 3.",
        repair=f"curl -fsSL https://get.pulumi.com | sh -s -- --version {pinned}",
    )


def judge_plugins(stack: RecordedStack) -> Iterator[Finding]:
    """Judge the versions of the plugins that deployed the stack last."""
    for name in versions.PLUGIN_NAMES:
        pinned = versions.plugin_version(name)
        used = {
            str(found["inputs"].get("version", ""))
            for found in stack.list_recorded(f"pulumi:providers:{name}")
            if found.get("inputs")
        } - {"", pinned}
        if used:
            yield doubtful_finding(
                "versions",
                f"The stack was deployed with {name} {', '.join(sorted(used))}; this project pins {pinned}.",
                repair="make .venv/.ready  # in the commit that was deployed last, or deploy this one",
            )


def _pending_finding(facts: EnvironmentFacts, pending: Sequence[str]) -> Finding:
    repair = "cfs local up" if facts.environment.is_emulated else f"cfs deploy recover --environment {facts.name}"
    return wrong_finding(
        "backend", f"A run died while it created {', '.join(pending)}, which the state may lack.", repair=repair
    )
