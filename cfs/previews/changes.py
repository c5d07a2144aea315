"""Changes in a preview's JSON. A replacement counts as one change, even if the engine writes several steps."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NO_CHANGE = frozenset({"same", "read", "refresh", "discard", "discard-replaced", "remove-pending-replace"})
"""Operations that leave the account and the repository unchanged."""

_PARTS_OF_REPLACEMENT = frozenset({"create-replacement", "delete-replaced", "import-replacement", "read-replacement"})
_ORDERED_OPERATIONS = ("delete", "replace", "update", "create")


class PreviewChange(BaseModel):
    """Change of one resource.

    Attributes:
        urn: URN of the resource.
        operation: The engine's operation: `create`, `update`, `replace`, `delete` or a rarer one.
        properties: Paths of the changed properties of an existing resource, without values.
        protected: Whether the engine refuses to delete or replace it.
        before: SHA-256 of the resource's inputs in the state; "" for a new resource. All secrets count as equal.
        after: SHA-256 of the inputs that the program sets; "" for a deletion.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    urn: str
    operation: str
    properties: tuple[str, ...] = ()
    protected: bool = False
    before: str = ""
    after: str = ""

    @property
    def type(self) -> str:
        """The resource's type, without the types of its parents."""
        return urn_type(self.urn)

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return urn_name(self.urn)

    @property
    def display_name(self) -> str:
        """The resource's type and name."""
        return f"{self.type} {self.name}"


def urn_type(urn: str) -> str:
    """Return the type in a URN, without the types of its parents."""
    # urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME
    return urn.split("::", 3)[2].rpartition("$")[2]


def urn_name(urn: str) -> str:
    """Return the resource's name in a URN."""
    return urn.split("::", 3)[3]


def changing_steps(preview: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the steps that change something, in the engine's order.

    With `--show-replacement-steps` the engine writes the parts of a replacement in addition to the step `replace`. A
    part without that step counts as a separate change: a deletion left over from an interrupted replacement.

    Args:
        preview: Output of `pulumi preview --json` or `pulumi refresh --preview-only --json`.
    """
    steps = preview.get("steps", [])
    replaced = {step["urn"] for step in steps if step["op"] == "replace"}
    return [
        step
        for step in steps
        if step["op"] not in _NO_CHANGE and not (step["op"] in _PARTS_OF_REPLACEMENT and step["urn"] in replaced)
    ]


def read_changes(preview: Mapping[str, Any]) -> tuple[PreviewChange, ...]:
    """Return a preview's changes in the engine's order."""
    return tuple(map(_parse_change, changing_steps(preview)))


def order_changes(changes: Iterable[PreviewChange]) -> list[PreviewChange]:
    """Sort changes by operation (delete, replace, update, create, others), then by type and name."""
    return sorted(changes, key=lambda change: (_operation_rank(change.operation), change.type, change.name))


def count_changes(changes: Iterable[PreviewChange]) -> str:
    """Count changes by operation: `1 delete, 2 update`; "" for none."""
    counts = Counter(change.operation for change in changes)
    return ", ".join(f"{counts[operation]} {operation}" for operation in sorted(counts, key=_operation_rank))


def read_preview_errors(preview: Mapping[str, Any]) -> list[str]:
    """Return the engine's errors in a preview, without its closing `preview failed`."""
    messages = [
        " ".join(diagnostic["message"].removeprefix("error: ").split())
        for diagnostic in preview.get("diagnostics", [])
        if diagnostic.get("severity") == "error"
    ]
    return [message for message in messages if message != "preview failed"]


def canonical_digest(value: object) -> str:
    """Return the SHA-256 of a JSON value, independent of the order of keys."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _parse_change(step: Mapping[str, Any]) -> PreviewChange:
    old, new = step.get("oldState") or {}, step.get("newState") or {}
    paths = [*(step.get("detailedDiff") or {}), *(step.get("diffReasons") or ()), *(step.get("replaceReasons") or ())]
    return PreviewChange(
        urn=step["urn"],
        operation=step["op"],
        properties=tuple(sorted(set(paths))),
        protected=bool(old.get("protect") or new.get("protect")),
        before=canonical_digest(old["inputs"]) if "inputs" in old else "",
        after=canonical_digest(_declared_inputs(new["inputs"])) if "inputs" in new else "",
    )


def _declared_inputs(inputs: Any) -> Any:
    """Remove inputs that the provider fills in: defaults of its version and random names."""
    if isinstance(inputs, list):
        return [_declared_inputs(value) for value in inputs]
    if not isinstance(inputs, dict):
        return inputs
    filled_in = {*inputs.get("__defaults", []), "__defaults"}
    return {key: _declared_inputs(value) for key, value in inputs.items() if key not in filled_in}


def _operation_rank(operation: str) -> tuple[int, str]:
    known = operation in _ORDERED_OPERATIONS
    return (_ORDERED_OPERATIONS.index(operation) if known else len(_ORDERED_OPERATIONS), operation)
