"""Adopts what a dead run had begun to create, and finds what else carries the tags of the stack.

The engine writes an operation into the state before it begins one. What a dead run may have created without
recording is therefore always among the pending creations. Each is looked up in the account, by its tags or by the
name that it was to get, put into the state under its id, and read by a refresh; what does not exist drops out again.
(`pulumi refresh --import-pending-creates` is meant for this, but engine 3.259 drops what it is told to import.)
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
    "aws:ec2/route:Route": lambda inputs: f"{inputs['routeTableId']}_{inputs['destinationCidrBlock']}",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": lambda inputs: (
        f"{inputs['subnetId']}/{inputs['routeTableId']}"
    ),
    "aws:scheduler/schedule:Schedule": lambda inputs: f"{inputs['groupName']}/{inputs['name']}",
    REPOSITORY_VARIABLE_TYPE: lambda inputs: f"{inputs['repository']}:{inputs['variableName']}",
    ENVIRONMENT_VARIABLE_TYPE: lambda inputs: ":".join(
        (inputs["repository"], inputs["environment"], inputs["variableName"])
    ),
}
"""Resources whose second creation the service refuses and that have a name of their own or no tags: how an import names
each. All others without tags are put, not created: doing it again does no harm."""

KEPT_INPUTS: Mapping[str, tuple[str, ...]] = {"aws:ec2/instance:Instance": ("volumeTags",)}
"""Inputs that the provider reads back only where the state has them. Without its `volumeTags` an instance is read with
the tags of its volume as those of its root device, and the next deployment removes them from the volume."""


def adopt_pending(engine: StackEngine, aws: AwsAccount) -> list[str]:
    """Bring what a dead run had begun into the state.

    Returns:
        The URNs of what was adopted.
    """
    exported = engine.query_json("stack", "export")
    deployment = exported["deployment"]
    if not _is_unfinished(deployment):
        return []
    recorded = recorded_ids(deployment)
    created = [
        operation["resource"]
        for operation in deployment.get("pending_operations") or []
        if operation["type"] == "creating"
    ]
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
    """Finish what a dead run left in the state, and return whether one had died.

    Args:
        engine: The engine at work on the stack.
        connect: Reaches the stack's account.
        died: Whether a run is known to have died, whatever the state holds.
    """
    RefreshGuard(engine=engine, connect=connect).settle()
    if not (died or has_pending(engine)):
        return False
    with show_progress("Repairing what an interrupted run has left behind"):
        adopted = adopt_pending(engine, connect())
    for urn in adopted:
        console.print(f"  adopted {urn.rpartition('::')[2]}, which it had created but not recorded", highlight=False)
    return True


def _entry_of(resource: dict[str, Any], identifier: str) -> dict[str, Any]:
    """Make the entry of the state under which a refresh reads a resource that exists."""
    entry = {**resource, "id": identifier}
    names = KEPT_INPUTS.get(resource["type"], ())
    kept = {name: value for name, value in resource.get("inputs", {}).items() if name in names}
    return {**entry, "outputs": kept} if kept else entry


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
    """Return whether the state holds what a dead run has begun and not finished."""
    return _is_unfinished(engine.read_deployment())


def _is_unfinished(deployment: dict[str, Any]) -> bool:
    # A recovery that died itself, between its import and its refresh, leaves resources that nobody has read yet.
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
    """Put resources into the state, drop its pending operations, and read all from the account."""
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
    """Add entries to a state; one that replaces a recorded resource stands before it and marks it for deletion.

    That is how the engine itself records a replacement before it deletes the old resource.
    """
    replacing = {entry["urn"]: entry for entry in new}
    entries = []
    for resource in recorded:
        replacement = None if resource.get("delete") else replacing.pop(resource["urn"], None)
        if replacement is None:
            entries.append(resource)
        else:
            entries += [replacement, {**resource, "delete": True}]
    return [*entries, *replacing.values()]


def identify_resource(
    resource: dict[str, Any], inventory: Sequence[TaggedResource], recorded: Collection[tuple[str, str]]
) -> str | None:
    """Find the id that a resource has in the account if it exists there and no other resource is recorded under it."""
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
    """List what carries the stack's tags and is not in its state."""
    recorded = recorded_ids(engine.query_json("stack", "export")["deployment"])
    found = _list_tagged(aws, engine)
    return [resource for resource in found if (resource.type, resource.id) not in recorded]


def destroy_orphans(engine: StackEngine, aws: AwsAccount, resources: Sequence[TaggedResource]) -> None:
    """Delete orphans by the provider that would have made them: take them into the state, then destroy just them.

    Where this dies halfway, the next `up` finds them in the state, undeclared, and deletes them.
    """
    exported = engine.query_json("stack", "export")
    recorded = exported["deployment"].get("resources") or []
    provider = next((resource for resource in recorded if resource["type"] == "pulumi:providers:aws"), None)
    if provider is None:
        raise UserError(
            "The stack's state holds no AWS provider yet, by which the resources could be deleted.",
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
    """Return type and id of all that a state holds; an id alone can be that of a role and of its instance profile."""
    resources = deployment.get("resources") or []
    return frozenset((resource["type"], resource["id"]) for resource in resources if "id" in resource)
