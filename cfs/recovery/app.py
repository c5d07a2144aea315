"""The commands `cfs refresh` and `cfs restore`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from cfs.environments import find_stack_environment
from cfs.recovery.refresh_guard import refresh_stack
from cfs.recovery.state_versions import StateStore, restore_state
from terminal.errors import UserError
from terminal.options import JsonOption
from terminal.results import CommandResult, ResultTable, finish_command

refresh_app = typer.Typer()
restore_app = typer.Typer()

VERSIONS_SHOWN = 20


@refresh_app.command("refresh")
def refresh_environment(
    *, environment: Annotated[str, typer.Option(help="the stack's name: prod, staging, or local")]
) -> None:
    """Refresh a stack's state without losing resources that AWS still has."""
    found = find_stack_environment(environment)
    refresh_stack(found.open_engine(), found.connect_aws, retry_command=f"cfs refresh --environment {environment}")


@restore_app.command("restore")
def restore_environment(
    *,
    environment: Annotated[str, typer.Option(help="the stack's name: prod, staging")],
    show: Annotated[bool, typer.Option("--list", help="only show the newest versions of the state")] = False,
    before: Annotated[
        datetime | None, typer.Option(help="take a version saved before this time, UTC", formats=["%Y-%m-%dT%H:%M:%S"])
    ] = None,
    json: JsonOption = False,
) -> None:
    """Restore a stack's state from the versions in its bucket; the version that it replaces is kept."""
    found = find_stack_environment(environment)
    bucket = found.state_bucket_name()
    if bucket is None:
        raise UserError(
            f"The state of {environment} is in a folder, which keeps no versions.",
            repair="`make up` finds the account's resources by their tags",
        )
    store = StateStore(aws=found.connect_aws(), bucket=bucket, stack=environment)
    if show:
        finish_command(_versions_result(store), as_json=json)
        return
    if locks := found.read_held_locks():
        raise UserError(
            f"Another run holds the state's lock: {locks[0].holder}.",
            repair=f"cfs unlock --environment {environment}",
        )
    restored = restore_state(store, before=before.replace(tzinfo=UTC) if before else None)
    saved = f"{restored.version.saved_at:%Y-%m-%d %H:%M:%S %Z}"
    finish_command(
        CommandResult(
            text=f"Restored the state of {saved}, with {restored.resources} resources.",
            notes=[f"What was changed after that is not in it: cfs refresh --environment {environment}, then preview"],
            figures={"savedAt": restored.version.saved_at.isoformat(), "resources": restored.resources},
        ),
        as_json=json,
    )


def _versions_result(store: StateStore) -> CommandResult:
    versions = store.list_versions()
    shown = versions[:VERSIONS_SHOWN]
    return CommandResult(
        table=ResultTable(
            title=f"Versions of {store.keys[0]} in {store.bucket}",
            columns=("saved", "bytes", ""),
            rows=[
                (f"{version.saved_at:%Y-%m-%d %H:%M:%S}", str(version.size), "current" if version.is_current else "")
                for version in shown
            ],
        ),
        notes=[f"{len(versions)} versions in all"],
        figures={
            "versions": [
                {"savedAt": version.saved_at.isoformat(), "bytes": version.size, "current": version.is_current}
                for version in versions
            ]
        },
    )
