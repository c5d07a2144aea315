"""Pulumi's import file for resources that the account already has under the names that the stack declares.

https://www.pulumi.com/docs/iac/guides/migration/import/#bulk-import-operations
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jmespath

from cfs.recovery.tagged_resources import LISTINGS, find_tagged_resources
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cfs.aws import AwsAccount
    from cfs.engine import StackEngine
    from cfs.recovery.tagged_resources import ResourceListing

ImportEntry = dict[str, Any]
"""An entry of the file, whose form is Pulumi's."""

_NAME_INPUTS = ("name", "bucket", "url")
"""Inputs that hold a resource's physical name."""


@dataclass(frozen=True, kw_only=True)
class DeclaredResource:
    """A resource that the next deployment would create.

    Attributes:
        type: Pulumi's type token.
        logical_name: Its name in the program.
        physical_name: Its name in the account; "" if AWS or Pulumi chooses it.
        tag_name: Its tag `Name`, or "".
    """

    type: str
    logical_name: str
    physical_name: str
    tag_name: str


def preview_creations(engine: StackEngine) -> tuple[list[ImportEntry], list[DeclaredResource]]:
    """Return Pulumi's import entries of all resources that a deployment would create, and what they declare."""
    with tempfile.TemporaryDirectory(prefix="cfs-import-") as folder:
        written = Path(folder) / "import.json"
        preview = engine.query_preview("--import-file", str(written))
        errors = [each["message"] for each in preview.get("diagnostics") or () if each.get("severity") == "error"]
        if errors or not written.exists():
            raise UserError(
                f"The preview failed: {' '.join(errors)}", repair=f"pulumi preview --stack {engine.stack_name}"
            )
        entries: list[ImportEntry] = json.loads(written.read_text())["resources"]
    steps = [step["newState"] for step in preview["steps"] if step["op"] == "create"]
    return entries, [_parse_declared(state) for state in steps if state.get("custom")]


def find_existing(
    aws: AwsAccount, environment: str, declared: Sequence[DeclaredResource]
) -> dict[DeclaredResource, str]:
    """Return the IDs of the declared resources that the account already has: by their name, or else by their tags."""
    types = {resource.type for resource in declared}
    account_id = aws.account_id()
    found: dict[DeclaredResource, str] = {}
    unnamed: list[ResourceListing] = []
    for listing in (listing for listing in LISTINGS if listing.type in types):
        of_type = [resource for resource in declared if resource.type == listing.type]
        if not all(resource.physical_name for resource in of_type):
            unnamed.append(listing)
            continue
        ids = {name: found_id for found_id in _list_ids(aws, listing, account_id) for name in id_names(found_id)}
        found |= {each: ids[each.physical_name] for each in of_type if each.physical_name in ids}
    tagged = {(each.type, each.name): each.id for each in find_tagged_resources(aws, environment, listings=unnamed)}
    return found | {each: tagged[key] for each in declared if (key := (each.type, each.tag_name)) in tagged}


def fill_import_file(entries: Iterable[ImportEntry], existing: Mapping[DeclaredResource, str]) -> list[ImportEntry]:
    """Return the entries of existing resources with their IDs, and those of their parents."""
    ids = {(each.type, each.logical_name): found_id for each, found_id in existing.items()}
    entries = list(entries)
    kept = [
        {**entry, "id": ids[key]}
        for entry in entries
        if (key := (entry["type"], entry.get("logicalName", entry["name"]))) in ids
    ]
    by_name = {entry["name"]: entry for entry in entries}
    parents = {name for entry in kept for name in _ancestors(entry, by_name)} - {entry["name"] for entry in kept}
    return [*(entry for entry in entries if entry["name"] in parents), *kept]


def id_names(found_id: str) -> set[str]:
    """Return the names that an ID may stand for: itself, and the last part of an ARN, a URL or ACCOUNT:NAME."""
    return {found_id, found_id.rpartition(":")[2], found_id.rpartition("/")[2]}


def _parse_declared(state: Mapping[str, Any]) -> DeclaredResource:
    inputs = state.get("inputs") or {}
    tags = inputs.get("tags")
    names = (inputs.get(name) for name in _NAME_INPUTS)
    return DeclaredResource(
        type=state["type"],
        logical_name=state["urn"].rpartition("::")[2],
        physical_name=next((str(name).removeprefix("https://") for name in names if name), ""),
        # An Auto Scaling group's tags are a list; its name is known.
        tag_name=tags.get("Name", "") if isinstance(tags, dict) else "",
    )


def _list_ids(aws: AwsAccount, listing: ResourceListing, account_id: str) -> Iterator[str]:
    # The paths with a prefix of names are those of the stack's own names, which all resources here have.
    arguments = {
        name: value.replace("{account}", account_id).replace("{prefix}", "") if isinstance(value, str) else value
        for name, value in listing.arguments.items()
    }
    path = listing.path.replace("{prefix}", "")
    for resource in aws.list_items(listing.service, listing.operation, path, **arguments):
        yield str(jmespath.search(listing.id.replace("{account}", account_id), resource))


def _ancestors(entry: ImportEntry, by_name: Mapping[str, ImportEntry]) -> Iterator[str]:
    parent = entry.get("parent", "")
    while parent in by_name:
        yield parent
        parent = by_name[parent].get("parent", "")
