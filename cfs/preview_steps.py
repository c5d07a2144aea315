"""Which steps of a preview's JSON are changes. A replacement is one, in whatever steps the engine writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_CHANGE = frozenset({"same", "read", "refresh", "discard", "discard-replaced", "remove-pending-replace"})
"""Operations that change nothing in the account or the repository."""

_PARTS_OF_REPLACEMENT = frozenset({"create-replacement", "delete-replaced", "import-replacement", "read-replacement"})


def changing_steps(preview: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the steps that change something, in the engine's order.

    With `--show-replacement-steps` the engine writes the parts of a replacement next to the step `replace`. A part
    without that step is a change: the deletion that an interrupted replacement has left to do.

    Args:
        preview: What `pulumi preview --json` or `pulumi refresh --preview-only --json` printed.
    """
    steps = preview.get("steps", [])
    replaced = {step["urn"] for step in steps if step["op"] == "replace"}
    return [
        step
        for step in steps
        if step["op"] not in _NO_CHANGE and not (step["op"] in _PARTS_OF_REPLACEMENT and step["urn"] in replaced)
    ]
