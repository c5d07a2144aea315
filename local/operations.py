"""Implements the commands on the local stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfs.doctor.preflight import check_github, find_local_drift
from cfs.engine import EngineError
from cfs.recovery.failed_creations import UnansweredCreationsError, deploy_stack
from cfs.recovery.pending_operations import destroy_orphans, find_orphans
from cfs.recovery.protected_resources import adopt_lost, find_protected
from cfs.recovery.refresh_guard import refresh_stack
from local import servers
from local.aws.conditions import AS_ON_AWS, CONDITIONS_PATH, Conditions
from local.emulator_requests import send_json
from terminal.errors import UserError
from terminal.progress import console, show_progress
from terminal.results import CommandResult, ResultTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cfs.recovery.protected_resources import ProtectedResources
    from cfs.recovery.tagged_resources import TaggedResource
    from local.engine import LocalEngine

_MOST_REPETITIONS = 2

NEXT_STEPS = """\
What to try next:
  make preview                    what would change now
  eval "$(make -s env)"           then plain pulumi, aws and boto3 work on the local account
  pulumi config set dailyBudgetUsd 80 && make up      a setting changed in place
  make down                       destroy all but protected resources and stop the emulators"""


def deploy_local_stack(engine: LocalEngine, *, as_on_aws: bool | None = None) -> None:
    """Deploy, after repairing the leftovers of a dead run, and suggest next steps.

    Args:
        engine: The stack's engine.
        as_on_aws: Whether the account delays, limits and fails as AWS does; None leaves that as it is.
    """
    if as_on_aws is not None:
        set_conditions(engine.account.aws_url, AS_ON_AWS if as_on_aws else Conditions())
    engine.ensure_stack()
    check_github(engine, retry_command="make up")
    died = engine.recover_stack()
    try:
        _deploy_until_answered(engine)
    except EngineError:
        # The provider's message about a refusal by GitHub is hard to understand: check for a known cause first.
        check_github(engine, retry_command="make up")
        raise
    if died:
        print_orphans(engine)
    if is_last_run_unchanged(engine):
        console.print("No changes: the account is as declared.", style="green")
    console.print(NEXT_STEPS, soft_wrap=True)


def _deploy_until_answered(engine: LocalEngine) -> None:
    """Deploy, and again after adopting resources that AWS created without an answer."""
    for _ in range(_MOST_REPETITIONS):
        try:
            deploy_stack(engine, engine.connect_aws, *_repair_arguments(engine))
        except UnansweredCreationsError as error:
            console.print(f"{error.problem} Deploying again.")
        else:
            return
    deploy_stack(engine, engine.connect_aws, *_repair_arguments(engine))


def _repair_arguments(engine: LocalEngine) -> list[str]:
    """Prepare the deployment to revert changes made on GitHub, and return the necessary arguments."""
    drift = find_local_drift(engine)
    if drift.stale:
        # The engine detects the differences only after a refresh.
        engine.query_text("refresh", "--yes", "--skip-preview", *_repeated_option("--target", drift.stale))
    for urn in (*drift.stale, *drift.replaced):
        console.print(f"  {urn.rpartition('::')[2]} was changed on GitHub: it will be written again", highlight=False)
    return _repeated_option("--replace", drift.replaced)


def set_conditions(aws_url: str, conditions: Conditions) -> None:
    """Set the conditions of an emulated account."""
    send_json(f"{aws_url}{CONDITIONS_PATH}", "PUT", conditions.to_json())


def _repeated_option(option: str, values: Sequence[str]) -> list[str]:
    return [argument for value in values for argument in (option, value)]


def preview_local_stack(engine: LocalEngine) -> None:
    """Show what would change."""
    engine.ensure_stack()
    engine.recover_stack()
    engine.run_operation("preview", "--diff")


def refresh_local_stack(engine: LocalEngine) -> None:
    """Update the state with changes made outside Pulumi."""
    engine.ensure_stack()
    refresh_stack(engine, engine.connect_aws, retry_command="make refresh")


def destroy_local_stack(engine: LocalEngine) -> None:
    """Destroy everything except protected resources, and stop the emulators."""
    engine.ensure_stack()
    engine.recover_stack()
    engine.run_operation("destroy", "--yes", "--skip-preview", "--exclude-protected")
    servers.stop_emulators(engine.account.folder)
    console.print(
        "The emulators are stopped. Protected resources are kept for the next `make up`; "
        f"to delete everything, remove {engine.account.folder}."
    )


def emulator_report(folder: Path) -> CommandResult:
    """Return which emulators of a folder are running, with their addresses and logs."""
    processes = servers.recorded_emulators(folder)
    urls = {
        emulator: process.base_url
        for emulator in servers.EMULATORS
        if (process := processes.get(emulator)) is not None and process.is_alive()
    }
    logs = {emulator: str(folder / f"{emulator.module}.log") for emulator in servers.EMULATORS}
    return CommandResult(
        table=ResultTable(
            title="Emulators",
            columns=("emulator", "runs", "address"),
            rows=[(of.name, "yes" if of in urls else "no", urls.get(of, "")) for of in servers.EMULATORS],
        ),
        notes=[f"Log of the {of.name}: {log}" for of, log in logs.items()],
        figures={of.module: {"url": urls.get(of), "log": logs[of]} for of in servers.EMULATORS},
    )


def print_orphans(engine: LocalEngine) -> None:
    """Print resources with the stack's tags that are not in its state, each with the recommended action."""
    found = find_orphans(engine, engine.connect_aws())
    if not found:
        console.print("All resources with the stack's tags are in its state.")
        return
    protected = find_protected(engine)
    console.print("Not in the stack's state, each with the recommended action:")
    for identifier in dict.fromkeys(orphan.id for orphan in found):
        # A role and its instance profile may share an id. No table: it would wrap long ids, and so break the commands.
        of_id = [orphan for orphan in found if orphan.id == identifier]
        for orphan in of_id:
            console.print(f"  {orphan.type} {orphan.name}", soft_wrap=True)
        console.print(f"    {_orphan_advice(of_id, protected)}", soft_wrap=True)


def _orphan_advice(orphans: Sequence[TaggedResource], protected: ProtectedResources) -> str:
    """Return the recommended action for orphans with the same id."""
    identifier = orphans[0].id
    if any(map(protected.has_lost, orphans)):
        return f"cfs local orphans adopt {identifier}"
    if any(map(protected.includes, orphans)):
        return f"{identifier} resembles a resource that the stack protects, and is kept: check it, and delete it in AWS"
    return f"cfs local orphans delete {identifier}"


def delete_orphans(engine: LocalEngine, ids: Sequence[str]) -> None:
    """Delete orphans by their ids."""
    chosen = _choose_orphans(engine, ids)
    protected = find_protected(engine)
    kept = [orphan.id for orphan in chosen if protected.includes(orphan)]
    if kept:
        raise UserError(
            f"{', '.join(kept)}: the stack protects it, and nothing was deleted.",
            repair="run `cfs local orphans list`, which shows what to do",
        )
    with show_progress(f"Deleting {len(chosen)} resources"):
        destroy_orphans(engine, engine.connect_aws(), chosen)


def adopt_orphans(engine: LocalEngine, ids: Sequence[str]) -> None:
    """Add orphans that the stack protects to its state again."""
    chosen = _choose_orphans(engine, ids)
    with show_progress(f"Adopting {len(chosen)} resources"):
        adopt_lost(engine, engine.connect_aws(), chosen, find_protected(engine))


def _choose_orphans(engine: LocalEngine, ids: Sequence[str]) -> list[TaggedResource]:
    chosen = [orphan for orphan in find_orphans(engine, engine.connect_aws()) if orphan.id in ids]
    unknown = set(ids) - {orphan.id for orphan in chosen}
    if unknown:
        raise UserError(
            f"{', '.join(sorted(unknown))}: not the id of a resource that is missing from the stack's state.",
            repair="run `cfs local orphans list` and take the ids from there",
        )
    return chosen


def is_last_run_unchanged(engine: LocalEngine) -> bool:
    """Return whether the last run changed nothing."""
    runs = engine.query_json("stack", "history", "--json", "--page-size", "1")
    if not runs:
        raise UserError("The deployment was interrupted before it began.", repair="run the same command again")
    return set(runs[0].get("resourceChanges", {})) <= {"same"}
