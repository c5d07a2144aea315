"""What a stack would change, and what has drifted from its state, as the engine tells it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from cfs.preview_steps import changing_steps
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class PreviewChange:
    """One resource that differs.

    Attributes:
        operation: The engine's word: create, update, replace, delete, import, …
        type: The resource's type, without what its parents are.
        name: Its name in the program.
        properties: Paths of what differs in it, never a value.
    """

    operation: str
    type: str
    name: str
    properties: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class PreviewSummary:
    """What there is to say of one environment.

    Attributes:
        environment: The stack's name.
        changes: What `up` would change.
        drift: What differs in the account from the state; None where nobody looked.
    """

    environment: str
    changes: Sequence[PreviewChange]
    drift: Sequence[PreviewChange] | None = None

    def to_json(self) -> str:
        """Write it down for another job."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> PreviewSummary:
        """Read what `to_json` wrote."""
        content = json.loads(text)
        drift = content["drift"]
        return cls(
            environment=content["environment"],
            changes=[PreviewChange(**change) for change in content["changes"]],
            drift=None if drift is None else [PreviewChange(**change) for change in drift],
        )


def read_preview_summaries(folder: Path, expected: str) -> dict[str, PreviewSummary | None]:
    """Read the looks of all environments.

    Args:
        folder: Holds the files that `to_json` wrote; it may be missing where every preview failed.
        expected: The GitHub environments, as a JSON list, such as `["staging", "production"]`.

    Returns:
        What there is to say of each, None where its preview failed; by the environments' names.

    Raises:
        UserError: `expected` is no such list, or a file is none of those.
    """
    try:
        names = [str(name) for name in json.loads(expected)]
        looks = [PreviewSummary.from_json(path.read_text()) for path in sorted(folder.glob("*.json"))]
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"--expected {expected} or a file in {folder} cannot be read: {error}.",
            repair="""Give the variable PREVIEW_ENVIRONMENTS, such as '["staging", "production"]', """
            "and what `cfs ci preview --output` wrote.",
        ) from error
    by_stack = {look.environment: look for look in looks}
    return {name: by_stack.get(environment_stack(name)) for name in names}


def environment_stack(environment: str) -> str:
    """Give the stack that a GitHub environment is of."""
    return "prod" if environment == "production" else environment


def parse_changes(preview: Mapping[str, Any]) -> list[PreviewChange]:
    """Read what `pulumi preview --json` or `pulumi refresh --preview-only --json` printed."""
    return [_parse_change(step) for step in changing_steps(preview)]


def _parse_change(step: Mapping[str, Any]) -> PreviewChange:
    # urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME
    _, _, types, name = step["urn"].split("::", 3)
    return PreviewChange(
        operation=step["op"],
        type=types.rpartition("$")[2],
        name=name,
        properties=sorted(step.get("detailedDiff") or step.get("replaceReasons") or ()),
    )
