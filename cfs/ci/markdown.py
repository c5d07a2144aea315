"""Words what a stack would change in Markdown, short enough for GitHub."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cfs.ci.preview_summary import PreviewChange, PreviewSummary

COMMENT_LIMIT = 64_000
"""Characters of a comment; GitHub refuses more than 65,536: https://github.com/orgs/community/discussions/27190"""

_SHOWN_PROPERTIES = 8
_OPERATION_ORDER = ("delete", "replace", "create", "update")


def purpose_marker(purpose: str) -> str:
    """Give the invisible line by which a comment or an issue is found again."""
    return f"<!-- claudefs-infra: {purpose} -->"


def comment_text(
    looks: Mapping[str, PreviewSummary | None],
    *,
    title: str,
    purpose: str,
    sections: Sequence[str] = (),
    page: str = "",
) -> str:
    """Word all environments, each with as much room as it needs and gets.

    Args:
        looks: What there is to say of each environment; None where its preview failed.
        title: The heading.
        purpose: What finds the text again.
        sections: Further Markdown, such as the price of the change.
        page: Address of the run that says more, or "".
    """
    head = f"{purpose_marker(purpose)}\n## {title}\n\n" + (f"[The run]({page}) says more.\n\n" if page else "")
    tail = "".join(f"\n{section.strip()}\n" for section in sections)[: COMMENT_LIMIT // 2]
    room = (COMMENT_LIMIT - len(head) - len(tail)) // max(1, len(looks)) - 1
    return head + "\n".join(_environment_section(name, look, room=room) for name, look in looks.items()) + tail


def summary_section(look: PreviewSummary, *, room: int = COMMENT_LIMIT) -> str:
    """Word one environment in at most `room` characters."""
    parts = [_changes_table("Would change", look.changes, nothing="Nothing would change.")]
    if look.drift is not None:
        parts.append(_changes_table("Has drifted", look.drift, nothing="Nothing has drifted."))
    lines = [f"### {look.environment}\n\n", *"\n".join(parts).splitlines(keepends=True)]
    return _cut_to_room(lines, room)


def _environment_section(name: str, look: PreviewSummary | None, *, room: int) -> str:
    if look is None:
        return f"### {name}\n\nThe preview failed; the run says why.\n"
    return summary_section(look, room=room)


def _changes_table(title: str, changes: Sequence[PreviewChange], *, nothing: str) -> str:
    if not changes:
        return f"{nothing}\n"
    counts = Counter(change.operation for change in changes)
    ordered = sorted(changes, key=lambda change: (_operation_rank(change.operation), change.type, change.name))
    count = ", ".join(f"{counts[operation]} {operation}" for operation in sorted(counts, key=_operation_rank))
    rows = "".join(
        f"| {_emphasized_operation(change.operation)} | `{change.name}` | `{change.type}` "
        f"| {_properties_text(change)} |\n"
        for change in ordered
    )
    return f"**{title}:** {count}\n\n| | resource | type | what |\n|---|---|---|---|\n{rows}"


def _operation_rank(operation: str) -> tuple[int, str]:
    return (_OPERATION_ORDER.index(operation) if operation in _OPERATION_ORDER else len(_OPERATION_ORDER), operation)


def _emphasized_operation(operation: str) -> str:
    return f"**{operation}**" if operation in ("delete", "replace") else operation


def _properties_text(change: PreviewChange) -> str:
    shown = ", ".join(f"`{path}`" for path in change.properties[:_SHOWN_PROPERTIES])
    more = len(change.properties) - _SHOWN_PROPERTIES
    return f"{shown} and {more} more" if more > 0 else shown


def _cut_to_room(lines: Sequence[str], room: int) -> str:
    """Cut at a line; deletions and replacements stand first, so that what is cut is the least of it."""
    text = "".join(lines)
    if len(text) <= room:
        return text
    note = "\n…the rest is in the run's log.\n"
    kept: list[str] = []
    for line in lines:
        if sum(map(len, kept)) + len(line) + len(note) > room:
            break
        kept.append(line)
    return "".join(kept) + note
