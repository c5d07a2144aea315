"""Words what a stack would change in Markdown, short enough for GitHub."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cfs.ci.look import Change, Look

COMMENT_LIMIT = 64_000
"""Characters of a comment; GitHub refuses more than 65,536: https://github.com/orgs/community/discussions/27190"""

_SHOWN_PROPERTIES = 8
_ORDER = ("delete", "replace", "create", "update")


def marker(purpose: str) -> str:
    """Give the invisible line by which a comment or an issue is found again."""
    return f"<!-- claudefs-infra: {purpose} -->"


def comment(
    looks: Mapping[str, Look | None], *, title: str, purpose: str, sections: Sequence[str] = (), page: str = ""
) -> str:
    """Word all environments, each with as much room as it needs and gets.

    Args:
        looks: What there is to say of each environment; None where its preview failed.
        title: The heading.
        purpose: What finds the text again.
        sections: Further Markdown, such as the price of the change.
        page: Address of the run that says more, or "".
    """
    head = f"{marker(purpose)}\n## {title}\n\n" + (f"[The run]({page}) says more.\n\n" if page else "")
    tail = "".join(f"\n{section.strip()}\n" for section in sections)[: COMMENT_LIMIT // 2]
    room = (COMMENT_LIMIT - len(head) - len(tail)) // max(1, len(looks)) - 1
    return head + "\n".join(_environment(name, look, room=room) for name, look in looks.items()) + tail


def section(look: Look, *, room: int = COMMENT_LIMIT) -> str:
    """Word one environment in at most `room` characters."""
    parts = [_table("Would change", look.changes, nothing="Nothing would change.")]
    if look.drift is not None:
        parts.append(_table("Has drifted", look.drift, nothing="Nothing has drifted."))
    lines = [f"### {look.environment}\n\n", *"\n".join(parts).splitlines(keepends=True)]
    return _fitting(lines, room)


def _environment(name: str, look: Look | None, *, room: int) -> str:
    if look is None:
        return f"### {name}\n\nThe preview failed; the run says why.\n"
    return section(look, room=room)


def _table(title: str, changes: Sequence[Change], *, nothing: str) -> str:
    if not changes:
        return f"{nothing}\n"
    counts = Counter(change.operation for change in changes)
    ordered = sorted(changes, key=lambda change: (_rank(change.operation), change.type, change.name))
    count = ", ".join(f"{counts[operation]} {operation}" for operation in sorted(counts, key=_rank))
    rows = "".join(
        f"| {_emphasized(change.operation)} | `{change.name}` | `{change.type}` | {_properties(change)} |\n"
        for change in ordered
    )
    return f"**{title}:** {count}\n\n| | resource | type | what |\n|---|---|---|---|\n{rows}"


def _rank(operation: str) -> tuple[int, str]:
    return (_ORDER.index(operation) if operation in _ORDER else len(_ORDER), operation)


def _emphasized(operation: str) -> str:
    return f"**{operation}**" if operation in ("delete", "replace") else operation


def _properties(change: Change) -> str:
    shown = ", ".join(f"`{path}`" for path in change.properties[:_SHOWN_PROPERTIES])
    more = len(change.properties) - _SHOWN_PROPERTIES
    return f"{shown} and {more} more" if more > 0 else shown


def _fitting(lines: Sequence[str], room: int) -> str:
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
