"""Protected resources: their orphans are never deleted, and those that the state has lost are imported again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cfs.recovery.pending_operations import import_resources
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from cfs.aws import AwsAccount
    from cfs.engine import StackEngine
    from cfs.recovery.tagged_resources import TaggedResource

_OF_ENTRY = ("urn", "type", "custom", "inputs", "parent", "protect", "retainOnDelete", "provider", "dependencies")
"""Fields of a previewed resource that its state entry has as well."""


@dataclass(frozen=True, kw_only=True)
class ProtectedResources:
    """Resources that the program declares as protected.

    Attributes:
        kinds: Type and tag `Name` of each resource.
        lost: State entries, without IDs, of the resources that the state lacks; by type and name.
    """

    kinds: Collection[tuple[str, str]]
    lost: Mapping[tuple[str, str], dict[str, Any]]

    def includes(self, orphan: TaggedResource) -> bool:
        """Return whether an orphan may be a protected resource."""
        return (orphan.type, orphan.name) in self.kinds

    def has_lost(self, orphan: TaggedResource) -> bool:
        """Return whether an orphan is a protected resource that the state has lost."""
        return (orphan.type, orphan.name) in self.lost


def find_protected(engine: StackEngine) -> ProtectedResources:
    """Preview the program, and return its protected resources.

    Raises:
        EngineError: The program cannot be previewed.
    """
    return read_protected(engine.query_preview())


def read_protected(preview: Mapping[str, Any]) -> ProtectedResources:
    """Return the protected resources in a preview's JSON."""
    steps = [step for step in preview.get("steps", []) if (step.get("newState") or {}).get("protect")]
    named = {
        (state["type"], state["inputs"]["tags"]["Name"]): (step["op"], state)
        for step in steps
        if (state := step["newState"])["inputs"].get("tags", {}).get("Name")
    }
    lost = {
        kind: {field: state[field] for field in _OF_ENTRY if field in state}
        for kind, (operation, state) in named.items()
        if operation == "create"
    }
    return ProtectedResources(kinds=frozenset(named), lost=lost)


def adopt_lost(
    engine: StackEngine, aws: AwsAccount, orphans: Sequence[TaggedResource], protected: ProtectedResources
) -> None:
    """Import orphans into the state as the protected resources that it has lost; refuse other orphans."""
    others = [orphan.id for orphan in orphans if not protected.has_lost(orphan)]
    if others:
        raise UserError(
            f"{', '.join(others)}: not among the protected resources that the state has lost.",
            repair="take the ids from `cfs local orphans list`, which shows the command for each",
        )
    entries = [{**protected.lost[orphan.type, orphan.name], "id": orphan.id} for orphan in orphans]
    import_resources(engine, aws, engine.query_json("stack", "export"), entries)
