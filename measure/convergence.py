"""Checks that an account has converged after a kill and another `up`."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cfs.recovery.pending_operations import find_orphans
from cfs.recovery.tagged_resources import find_tagged_resources
from infra.naming import LOCAL_STACK
from infra.project import PROJECT_FOLDER
from local import leftovers
from measure.killable_up import CFS_COMMAND
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.engine import LocalEngine
    from measure.killable_up import KillableUp

_COMMAND_SECONDS = 300.0
_DELETE_COMMAND = re.compile(r"cfs local orphans delete (\S+)")
_OUTPUT_LINES = 40


@dataclass(frozen=True, kw_only=True)
class StateSnapshot:
    """The stack's state at one moment.

    Attributes:
        urns: URNs of the recorded resources.
        in_flight: Names of the resources with pending operations.
        unfinished: URNs of the resources marked for deletion.
    """

    urns: frozenset[str]
    in_flight: Sequence[str]
    unfinished: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Convergence:
    """The result of the checks after a kill and another `up`.

    Attributes:
        recorded: Number of resources in the state.
        adopted: Number of resources that the `up` adopted.
        orphans: Number of orphans.
        problems: Failed checks.
    """

    recorded: int
    adopted: int
    orphans: int
    problems: Sequence[str]


def read_snapshot(engine: LocalEngine) -> StateSnapshot:
    """Return a snapshot from the state's file, without starting an engine, which could change it."""
    checkpoint = json.loads(engine.checkpoint_file.read_text())["checkpoint"]
    return take_snapshot(checkpoint.get("latest") or {})


def take_snapshot(deployment: dict[str, Any]) -> StateSnapshot:
    """Return a snapshot of a deployment."""
    resources = deployment.get("resources") or []
    operations = deployment.get("pending_operations") or []
    return StateSnapshot(
        urns=frozenset(resource["urn"] for resource in resources),
        in_flight=[f"{_resource_name(operation['resource']['urn'])} ({operation['type']})" for operation in operations],
        unfinished=[resource["urn"] for resource in resources if resource.get("delete")],
    )


def check_convergence(engine: LocalEngine, deployment: KillableUp, *, before: StateSnapshot) -> Convergence:
    """Check an account after `up` has ended, and delete orphans with the listed commands."""
    if deployment.exit_status != 0:
        lines = deployment.output.splitlines()
        # The engine prints the outputs after its errors, so the last lines may not include the errors.
        tail = "\n".join([*(line for line in lines[:-_OUTPUT_LINES] if "error:" in line), *lines[-_OUTPUT_LINES:]])
        after = read_snapshot(engine)
        failure = f"`cfs local up` ended with status {deployment.exit_status}: {tail}"
        return Convergence(recorded=len(after.urns), adopted=0, orphans=0, problems=[failure])
    after = read_snapshot(engine)
    orphans = find_orphans(engine, engine.connect_aws())
    problems = [
        *state_problems(before, after),
        *_leftover_problems(engine, deployment),
        *_preview_problems(engine),
        *_orphan_problems(engine, [orphan.id for orphan in orphans]),
        *_duplicate_problems(engine),
    ]
    return Convergence(
        recorded=len(after.urns),
        adopted=deployment.output.count("  adopted "),
        orphans=len(orphans),
        problems=problems,
    )


def state_problems(before: StateSnapshot, after: StateSnapshot) -> list[str]:
    """Compare the state at the kill with the one after the next `up`."""
    return [
        *(f"lost from the state: {urn}" for urn in sorted(before.urns - after.urns)),
        *(f"still pending: {operation}" for operation in after.in_flight),
        *(f"still to be deleted: {urn}" for urn in after.unfinished),
    ]


def _leftover_problems(engine: LocalEngine, deployment: KillableUp) -> list[str]:
    return [
        *(f"lock left: {lock.path.name}" for lock in leftovers.find_locks(engine.account)),
        *(f"process left: {process.pid}" for process in deployment.live_processes()),
    ]


def _preview_problems(engine: LocalEngine) -> list[str]:
    summary: dict[str, int] = engine.query_json("preview", "--refresh", "--json")["changeSummary"]
    return [
        f"a second preview would {operation} {count} resources"
        for operation, count in summary.items()
        if operation != "same"
    ]


def _orphan_problems(engine: LocalEngine, expected: Sequence[str]) -> list[str]:
    listed = _DELETE_COMMAND.findall(_run_cfs("local", "orphans", "list"))
    problems = [f"orphan {orphan} is not listed with its command" for orphan in expected if orphan not in listed]
    if listed:
        try:
            _run_cfs("local", "orphans", "delete", *listed)
        except UserError as error:
            return [*problems, error.problem]
        left = find_orphans(engine, engine.connect_aws())
        problems += [f"orphan {orphan.id} is left after its deletion" for orphan in left]
        problems += _preview_problems(engine)
    return problems


def _duplicate_problems(engine: LocalEngine) -> list[str]:
    """Return resources that exist twice; the program declares each only once."""
    seen: set[tuple[str, str]] = set()
    problems = []
    for found in find_tagged_resources(engine.connect_aws(), LOCAL_STACK):
        key = (found.type, found.name)
        if key in seen:
            problems.append(f"{found.type} {found.name} exists twice")
        seen.add(key)
    return problems


def _run_cfs(*arguments: str) -> str:
    """Run a command of `cfs`, and return its output."""
    command = " ".join(("cfs", *arguments))
    repair = f"run `.venv/bin/{command}` and repair what it says"
    try:
        done = subprocess.run(
            [*CFS_COMMAND, *arguments],
            cwd=PROJECT_FOLDER,
            capture_output=True,
            text=True,
            check=False,
            timeout=_COMMAND_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"`{command}` has not ended within {_COMMAND_SECONDS:.0f} s.", repair=repair) from error
    said = done.stdout + done.stderr
    if done.returncode != 0:
        raise UserError(f"`{command}` ended with status {done.returncode}:\n{said}", repair=repair)
    return said


def _resource_name(urn: str) -> str:
    return urn.rpartition("::")[2]
