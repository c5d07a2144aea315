"""What the program protects: no orphan of it is deleted, and what the state has lost of it is taken back."""

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
"""What a preview knows of a resource that its entry in the state has too."""


@dataclass(frozen=True, kw_only=True)
class ProtectedResources:
    """What the program declares as protected.

    Attributes:
        kinds: Type and tag `Name` of each.
        lost: By type and name, the entries without ids of those that the state does not hold.
    """

    kinds: Collection[tuple[str, str]]
    lost: Mapping[tuple[str, str], dict[str, Any]]

    def includes(self, orphan: TaggedResource) -> bool:
        """Return whether an orphan may be what the program protects."""
        return (orphan.type, orphan.name) in self.kinds

    def has_lost(self, orphan: TaggedResource) -> bool:
        """Return whether an orphan is what the state has lost."""
        return (orphan.type, orphan.name) in self.lost


def find_protected(engine: StackEngine) -> ProtectedResources:
    """Ask the program what it protects.

    Raises:
        EngineError: The program cannot be previewed.
    """
    return read_protected(engine.query_preview())


def read_protected(preview: Mapping[str, Any]) -> ProtectedResources:
    """Read from a preview's JSON what the program protects."""
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
    """Take orphans back into the state as what they are declared as.

    Raises:
        UserError: The state has not lost one of them.
    """
    others = [orphan.id for orphan in orphans if not protected.has_lost(orphan)]
    if others:
        raise UserError(
            f"{', '.join(others)}: not what the state has lost of what the stack protects.",
            repair="take the ids from `cfs local orphans list`, which has the command for each",
        )
    entries = [{**protected.lost[orphan.type, orphan.name], "id": orphan.id} for orphan in orphans]
    import_resources(engine, aws, engine.query_json("stack", "export"), entries)
