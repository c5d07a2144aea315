"""What the commands on the local stack do, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfs.doctor.preflight import check_github, find_local_drift
from cfs.engine import EngineError
from cfs.recovery.pending_operations import destroy_orphans, find_orphans
from cfs.recovery.protected_resources import adopt_lost, find_protected
from cfs.recovery.refresh_guard import refresh_stack
from local import servers
from terminal.errors import UserError
from terminal.progress import console, show_progress
from terminal.results import CommandResult, ResultTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cfs.recovery.protected_resources import ProtectedResources
    from cfs.recovery.tagged_resources import TaggedResource
    from local.engine import LocalEngine

NEXT_STEPS = """\
What to try next:
  make preview                    what would change now
  eval "$(make -s env)"           then plain pulumi, aws and boto3 work on the local account
  pulumi config set dailyBudgetUsd 120 && make up      a setting changed in place
  make down                       destroy all but what is protected and stop the emulators"""


def deploy_local_stack(engine: LocalEngine) -> None:
    """Deploy, after repairing what a dead run has left behind, and say what to try next."""
    engine.ensure_stack()
    check_github(engine, retry_command="make up")
    died = engine.recover_stack()
    try:
        engine.run_operation("up", "--yes", "--skip-preview", *_repair_arguments(engine))
    except EngineError:
        # The provider's words for what GitHub refuses are not a user's: see whether it can be said better.
        check_github(engine, retry_command="make up")
        raise
    if died:
        print_orphans(engine)
    if is_last_run_unchanged(engine):
        console.print("[green]No changes:[/] the account is as declared.")
    console.print(NEXT_STEPS, markup=False, soft_wrap=True)


def _repair_arguments(engine: LocalEngine) -> list[str]:
    """Prepare that the deployment repairs what somebody has changed at GitHub, and give the arguments for it."""
    drift = find_local_drift(engine)
    if drift.stale:
        # Only after a refresh does the engine see that they differ.
        engine.query_text("refresh", "--yes", "--skip-preview", *_repeated_option("--target", drift.stale))
    for urn in (*drift.stale, *drift.replaced):
        console.print(f"  {urn.rpartition('::')[2]} was changed at GitHub: it is written again", highlight=False)
    return _repeated_option("--replace", drift.replaced)


def _repeated_option(option: str, values: Sequence[str]) -> list[str]:
    return [argument for value in values for argument in (option, value)]


def preview_local_stack(engine: LocalEngine) -> None:
    """Show what would change."""
    engine.ensure_stack()
    engine.recover_stack()
    engine.run_operation("preview", "--diff")


def refresh_local_stack(engine: LocalEngine) -> None:
    """Read into the state what was changed outside Pulumi."""
    engine.ensure_stack()
    refresh_stack(engine, engine.connect_aws, retry_command="make refresh")


def destroy_local_stack(engine: LocalEngine) -> None:
    """Destroy all but what is protected, and stop the emulators."""
    engine.ensure_stack()
    engine.recover_stack()
    engine.run_operation("destroy", "--yes", "--skip-preview", "--exclude-protected")
    servers.stop_emulators(engine.account.folder)
    console.print(
        "The emulators are stopped. What is protected stays for the next `make up`; "
        f"to forget it all, remove {engine.account.folder}."
    )


def emulator_report(folder: Path) -> CommandResult:
    """Tell which emulators of a folder run, where they answer, and where they write what they do."""
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
    """Print what carries the stack's tags and is not in its state, with what to do about each."""
    found = find_orphans(engine, engine.connect_aws())
    if not found:
        console.print("Nothing in the account carries the stack's tags without being in its state.")
        return
    protected = find_protected(engine)
    console.print("Not in the stack's state; below each what to do about it:")
    for identifier in dict.fromkeys(orphan.id for orphan in found):
        # A role and its instance profile may share one id. A table would break long ids, and with them the commands.
        of_id = [orphan for orphan in found if orphan.id == identifier]
        for orphan in of_id:
            console.print(f"  {orphan.type} {orphan.name}", markup=False, soft_wrap=True)
        console.print(f"    {_orphan_advice(of_id, protected)}", markup=False, soft_wrap=True)


def _orphan_advice(orphans: Sequence[TaggedResource], protected: ProtectedResources) -> str:
    """Return what to do about orphans of one id."""
    identifier = orphans[0].id
    if any(map(protected.has_lost, orphans)):
        return f"cfs local orphans adopt {identifier}"
    if any(map(protected.includes, orphans)):
        return f"{identifier} is like what the stack protects, and stays: look at it, and delete it in AWS"
    return f"cfs local orphans delete {identifier}"


def delete_orphans(engine: LocalEngine, ids: Sequence[str]) -> None:
    """Delete orphans by their ids."""
    chosen = _choose_orphans(engine, ids)
    protected = find_protected(engine)
    kept = [orphan.id for orphan in chosen if protected.includes(orphan)]
    if kept:
        raise UserError(
            f"{', '.join(kept)}: the stack protects it, and nothing was deleted.",
            repair="run `cfs local orphans list`, which has what to do about it",
        )
    with show_progress(f"Deleting {len(chosen)} resources"):
        destroy_orphans(engine, engine.connect_aws(), chosen)


def adopt_orphans(engine: LocalEngine, ids: Sequence[str]) -> None:
    """Take orphans that the stack protects back into its state."""
    chosen = _choose_orphans(engine, ids)
    with show_progress(f"Adopting {len(chosen)} resources"):
        adopt_lost(engine, engine.connect_aws(), chosen, find_protected(engine))


def _choose_orphans(engine: LocalEngine, ids: Sequence[str]) -> list[TaggedResource]:
    chosen = [orphan for orphan in find_orphans(engine, engine.connect_aws()) if orphan.id in ids]
    unknown = set(ids) - {orphan.id for orphan in chosen}
    if unknown:
        raise UserError(
            f"{', '.join(sorted(unknown))}: not the id of a resource that the stack's state does not know.",
            repair="run `cfs local orphans list` and take the ids from there",
        )
    return chosen


def is_last_run_unchanged(engine: LocalEngine) -> bool:
    """Return whether the last run changed nothing."""
    runs = engine.query_json("stack", "history", "--json", "--page-size", "1")
    if not runs:
        raise UserError("The deployment was interrupted before it began.", repair="run the same command again")
    return set(runs[0].get("resourceChanges", {})) <= {"same"}
