"""`cfs import`: finds what the account already has, and writes Pulumi's import file; it changes nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cfs.doctor.preflight import examine_github
from cfs.operate.import_file import fill_import_file, find_existing, preview_creations
from cfs.operate.leftovers import find_leftovers
from terminal.errors import UserError
from terminal.results import CommandResult, ResultTable

if TYPE_CHECKING:
    from pathlib import Path

    from cfs.environments import StackEnvironment


def prepare_import(environment: StackEnvironment, *, file: Path) -> CommandResult:
    """Write the import file, and report what can be adopted, what cannot, and the commands for both.

    Args:
        environment: The environment.
        file: Where to write Pulumi's import file; it is not written if there is nothing to adopt.
    """
    aws = environment.connect_aws()
    entries, declared = preview_creations(environment.open_engine())
    existing = find_existing(aws, environment.name, declared)
    leftovers = list(find_leftovers(aws, account_id=aws.account_id()))
    rows = [("adopt", f"{each.type.rpartition(':')[2]} {found_id}", "") for each, found_id in existing.items()]
    rows += [("remove", each.name, each.reason) for each in leftovers]
    notes = [f"{each.name}: {each.removal}" for each in leftovers]
    notes += _repository_notes(environment)
    if existing:
        resources = fill_import_file(entries, existing)
        file.write_text(json.dumps({"resources": resources}, indent=2) + "\n", encoding="utf-8")
        command = f"pulumi import --file {file} --protect=false --generate-code=false --stack {environment.name}"
        notes += [
            f"To see what is adopted: {command} --preview-only",
            f"To adopt it: {command} --yes",
            f"Then, to see what the next deployment changes: pulumi preview --diff --stack {environment.name}",
        ]
    elif not rows:
        notes.append("The account has nothing that the stack would create.")
    return CommandResult(
        table=ResultTable(
            title=f"Existing resources, for {environment.name}", columns=("", "resource", "why"), rows=rows
        ),
        notes=notes,
        figures={
            "adoptable": [
                {"type": each.type, "name": each.logical_name, "id": found} for each, found in existing.items()
            ],
            "leftovers": [{"name": each.name, "reason": each.reason, "removal": each.removal} for each in leftovers],
            "file": str(file) if existing else "",
        },
    )


def _repository_notes(environment: StackEnvironment) -> list[str]:
    """Return what exists in the repository and GitHub would refuse or replace, with its repair."""
    try:
        findings = examine_github(environment.name)
    except UserError as error:
        return [f"repository: {error.problem} {error.repair}"]
    return [f"repository: {each.message} {each.repair}" for each in findings if each.check == "existing"]
