"""Adopts resources that a dead run created without recording, and finds tagged resources that the state lacks.

The engine writes an operation into the state before it begins it, so every resource that a dead run may have created
without recording is among the pending creations. Each of them is looked up in the account by its tags or its declared
name, added to the state under its ID, and read by a refresh, which drops the ones that do not exist.
(`pulumi refresh --import-pending-creates` is meant for this, but engine 3.259 drops the resources it should import.)
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfs.doctor.preflight import find_unrecorded_id
from cfs.doctor.resource_types import (
    DEPLOYMENT_POLICY_TYPE,
    ENVIRONMENT_VARIABLE_TYPE,
    PULL_REQUEST_TYPE,
    REPOSITORY_VARIABLE_TYPE,
)
from cfs.recovery.refresh_guard import RefreshGuard
from infra.naming import CONFIG_NAMESPACE
from terminal.errors import UserError
from terminal.progress import console, show_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from cfs.aws import AwsAccount
    from cfs.engine import StackEngine
    from cfs.recovery.tagged_resources import TaggedResource

ResourceInputs = dict[str, Any]

IMPORT_ID_MAKERS: Mapping[str, Callable[[ResourceInputs], str]] = {
    "aws:autoscaling/group:Group": lambda inputs: str(inputs["name"]),
    "aws:kms/alias:Alias": lambda inputs: str(inputs["name"]),
    "aws:dynamodb/table:Table": lambda inputs: str(inputs["name"]),
    "aws:ec2/route:Route": lambda inputs: f"{inputs['routeTableId']}_{inputs['destinationCidrBlock']}",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": lambda inputs: (
        f"{inputs['subnetId']}/{inputs['routeTableId']}"
    ),
    "aws:lambda/function:Function": lambda inputs: str(inputs["name"]),
    "aws:lambda/permission:Permission": lambda inputs: f"{inputs['function']}/{inputs['statementId']}",
    "aws:ssm/parameter:Parameter": lambda inputs: str(inputs["name"]),
    "aws:scheduler/schedule:Schedule": lambda inputs: f"{inputs['groupName']}/{inputs['name']}",
    REPOSITORY_VARIABLE_TYPE: lambda inputs: f"{inputs['repository']}:{inputs['variableName']}",
    ENVIRONMENT_VARIABLE_TYPE: lambda inputs: ":".join(
        (inputs["repository"], inputs["environment"], inputs["variableName"])
    ),
}
"""Functions that return the import ID, by type. These types have unique names or no tags, and the service refuses to
create them twice. All other types without tags are written by a put, which is safe to repeat."""

KEPT_INPUTS: Mapping[str, tuple[str, ...]] = {
    "aws:ec2/instance:Instance": ("volumeTags",),
    "aws:ssm/parameter:Parameter": ("insecureValue",),
}
"""Inputs that the provider reads back only if the state has them. If `volumeTags` is missing, a refresh reads the
volume's tags as tags of the root device, and the next deployment removes them from the volume. If `insecureValue` is
missing, a refresh reads the parameter's value as a secret, and the next deployment has no value to send."""

UNREADABLE_INPUTS: Mapping[str, tuple[str, ...]] = {"aws:lambda/function:Function": ("code",)}
"""Inputs that the provider cannot read back, and because of which it fails to read a resource for the first time.
The next deployment sends them again."""


def adopt_pending(engine: StackEngine, aws: AwsAccount) -> list[str]:
    """Add resources that a dead run began to create to the state.

    Returns:
        URNs of the adopted resources.
    """
    exported = engine.query_json("stack", "export")
    deployment = exported["deployment"]
    if not _is_unfinished(deployment):
        return []
    created = [
        operation["resource"]
        for operation in deployment.get("pending_operations") or []
        if operation["type"] == "creating"
    ]
    return adopt_creations(engine, aws, exported, created)


def adopt_creations(
    engine: StackEngine, aws: AwsAccount, exported: dict[str, Any], created: Sequence[dict[str, Any]]
) -> list[str]:
    """Add resources that may exist in the account to the state.

    Args:
        engine: The stack's engine.
        aws: The stack's account.
        exported: The exported state.
        created: State entries of the resources, without IDs.

    Returns:
        URNs of the adopted resources.
    """
    recorded = recorded_ids(exported["deployment"])
    inventory = _list_tagged(aws, engine, types={resource["type"] for resource in created} - IMPORT_ID_MAKERS.keys())
    candidates = [
        _entry_of(resource, identifier)
        for resource in created
        if (identifier := _find_id(engine, resource, inventory, recorded)) is not None
    ]
    import_resources(engine, aws, exported, candidates)
    after = engine.query_json("stack", "export")["deployment"].get("resources", [])
    known = {resource["urn"] for resource in after if not resource.get("delete")}
    return [candidate["urn"] for candidate in candidates if candidate["urn"] in known]


def repair_state(engine: StackEngine, connect: Callable[[], AwsAccount], *, died: bool = False) -> bool:
    """Repair the state after a dead run, and return whether a run had died.

    Args:
        engine: Engine of the stack.
        connect: Connects to the stack's account.
        died: Whether the caller knows that a run has died, even if the state does not show it.
    """
    RefreshGuard(engine=engine, connect=connect).settle()
    if not (died or has_pending(engine)):
        return False
    with show_progress("Repairing the state after an interrupted run"):
        adopted = adopt_pending(engine, connect())
    for urn in adopted:
        console.print(f"  adopted {urn.rpartition('::')[2]}, which that run had not recorded", highlight=False)
    return True


def _entry_of(resource: dict[str, Any], identifier: str) -> dict[str, Any]:
    """Return a state entry with which a refresh can read an existing resource."""
    inputs: ResourceInputs = resource.get("inputs") or {}
    entry = {**resource, "id": identifier}
    if unreadable := UNREADABLE_INPUTS.get(resource["type"]):
        entry["inputs"] = {name: value for name, value in inputs.items() if name not in unreadable}
    if kept := {name: inputs[name] for name in KEPT_INPUTS.get(resource["type"], ()) if name in inputs}:
        entry["outputs"] = kept
    return entry


def _find_id(
    engine: StackEngine,
    resource: dict[str, Any],
    inventory: Sequence[TaggedResource],
    recorded: Collection[tuple[str, str]],
) -> str | None:
    if resource["type"] in (DEPLOYMENT_POLICY_TYPE, PULL_REQUEST_TYPE):
        return find_unrecorded_id(engine, resource)
    return identify_resource(resource, inventory, recorded)


def has_pending(engine: StackEngine) -> bool:
    """Return whether a dead run has left pending operations or unread resources in the state."""
    return _is_unfinished(engine.read_deployment())


def _is_unfinished(deployment: dict[str, Any]) -> bool:
    # A recovery that died between its import and its refresh leaves resources that have not been read.
    unread = (
        resource["custom"] and "id" in resource and _is_unread(resource)
        for resource in deployment.get("resources") or []
        if not resource["type"].startswith("pulumi:")
    )
    return bool(deployment.get("pending_operations")) or any(unread)


def _is_unread(resource: dict[str, Any]) -> bool:
    return set(resource.get("outputs") or {}) <= set(KEPT_INPUTS.get(resource["type"], ()))


def import_resources(
    engine: StackEngine, aws: AwsAccount, exported: dict[str, Any], resources: Sequence[dict[str, Any]]
) -> None:
    """Add resources to the state, drop its pending operations, and refresh it from the account."""
    deployment = exported["deployment"]
    deployment["resources"] = with_entries(deployment.get("resources") or [], resources)
    deployment["pending_operations"] = []
    with tempfile.TemporaryDirectory(prefix="cfs-recovery-") as folder:
        edited = Path(folder) / "state.json"
        edited.write_text(json.dumps(exported))
        engine.query_text("stack", "import", "--file", str(edited))
    guard = RefreshGuard(engine=engine, connect=lambda: aws)
    guard.refresh(lambda: engine.query_text("refresh", "--yes", "--skip-preview"), before=exported)


def with_entries(recorded: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add entries to a state's resources, each before those that depend on it, as the engine requires.

    One with a recorded URN goes before the old entry, which is to be deleted: the engine records a replacement in the
    same way before it deletes the old resource.
    """
    waiting = {entry["urn"]: entry for entry in new}
    entries: list[dict[str, Any]] = []

    def add_after_dependencies(entry: dict[str, Any]) -> None:
        for urn in entry.get("dependencies", ()):
            if urn in waiting:
                add_after_dependencies(waiting.pop(urn))
        entries.append(entry)

    for resource in recorded:
        replacement = None if resource.get("delete") else waiting.pop(resource["urn"], None)
        if replacement is None:
            add_after_dependencies(resource)
        else:
            add_after_dependencies(replacement)
            entries.append({**resource, "delete": True})
    for entry in new:
        if waiting.pop(entry["urn"], None):
            add_after_dependencies(entry)
    return entries


def identify_resource(
    resource: dict[str, Any], inventory: Sequence[TaggedResource], recorded: Collection[tuple[str, str]]
) -> str | None:
    """Return the ID under which a resource may exist in the account: its import ID, or an unrecorded resource's ID."""
    inputs: ResourceInputs = resource.get("inputs") or {}
    if named := IMPORT_ID_MAKERS.get(resource["type"]):
        return named(inputs)
    name = inputs.get("tags", {}).get("Name")
    if name is None:
        return None
    fitting = (
        found.id
        for found in inventory
        if found.type == resource["type"] and found.name == name and (found.type, found.id) not in recorded
    )
    return next(fitting, None)


def find_orphans(engine: StackEngine, aws: AwsAccount) -> list[TaggedResource]:
    """List resources that have the stack's tags but are not in its state."""
    recorded = recorded_ids(engine.query_json("stack", "export")["deployment"])
    found = _list_tagged(aws, engine)
    return [resource for resource in found if (resource.type, resource.id) not in recorded]


def destroy_orphans(engine: StackEngine, aws: AwsAccount, resources: Sequence[TaggedResource]) -> None:
    """Delete orphans with the stack's provider: import them into the state, then destroy only them.

    If this is interrupted, the next `up` finds them in the state but not in the program, and deletes them.
    """
    exported = engine.query_json("stack", "export")
    recorded = exported["deployment"].get("resources") or []
    provider = next((resource for resource in recorded if resource["type"] == "pulumi:providers:aws"), None)
    if provider is None:
        raise UserError(
            "The stack's state has no AWS provider yet that could delete the resources.",
            repair="run `make up` first",
        )
    entries = [
        {
            "urn": f"urn:pulumi:{engine.stack_name}::{CONFIG_NAMESPACE}::{resource.type}::orphan-{resource.id}",
            "type": resource.type,
            "id": resource.id,
            "custom": True,
            "provider": f"{provider['urn']}::{provider['id']}",
        }
        for resource in resources
    ]
    import_resources(engine, aws, exported, entries)
    targets = [argument for entry in entries for argument in ("--target", str(entry["urn"]))]
    engine.query_text("destroy", "--yes", "--skip-preview", *targets)


def _list_tagged(aws: AwsAccount, engine: StackEngine, *, types: Collection[str] | None = None) -> list[TaggedResource]:
    # boto3 takes a quarter of a second.
    from cfs.recovery.tagged_resources import LISTINGS, find_tagged_resources  # noqa: PLC0415

    listings = [listing for listing in LISTINGS if types is None or listing.type in types]
    return find_tagged_resources(aws, engine.stack_name, listings=listings)


def recorded_ids(deployment: dict[str, Any]) -> frozenset[tuple[str, str]]:
    """Return the type and ID of each resource in a state; a role and its instance profile may have the same ID."""
    resources = deployment.get("resources") or []
    return frozenset((resource["type"], resource["id"]) for resource in resources if "id" in resource)
