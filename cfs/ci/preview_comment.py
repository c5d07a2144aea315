"""Previews as Markdown that fits into a GitHub comment or issue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfs.previews.changes import count_changes
from cfs.previews.changes_table import changes_table
from cfs.previews.policy_findings import policies_section
from terminal.markdown import COMMENT_LIMIT, cut_markdown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cfs.ci.preview_summary import PreviewSummary
    from cfs.previews.changes import PreviewChange


def purpose_marker(purpose: str) -> str:
    """Return the invisible line that identifies a comment or issue."""
    return f"<!-- claudefs-infra: {purpose} -->"


def comment_text(
    summaries: Mapping[str, PreviewSummary | None],
    *,
    title: str,
    purpose: str,
    sections: Sequence[str] = (),
    page: str = "",
) -> str:
    """Return a comment on all environments, which share the available length equally.

    Args:
        summaries: The previews by environment; None for a failed one.
        title: The heading.
        purpose: Identifies the comment for its next update.
        sections: Further Markdown, such as the price of the change.
        page: Address of the run, or "".
    """
    head = f"{purpose_marker(purpose)}\n## {title}\n\n" + (f"Details: [the run]({page}).\n\n" if page else "")
    tail = "".join(f"\n{section.strip()}\n" for section in sections)[: COMMENT_LIMIT // 2]
    room = (COMMENT_LIMIT - len(head) - len(tail)) // max(1, len(summaries)) - 1
    return head + "\n".join(_environment_section(*item, room=room) for item in summaries.items()) + tail


def summary_section(summary: PreviewSummary, *, room: int = COMMENT_LIMIT) -> str:
    """Return the changes and the drift of one environment in at most `room` characters."""
    parts = [policies_section(summary.policies), *([summary.cost] if summary.cost else [])]
    parts.append(_changes_part("Would change", summary.changes, nothing="Nothing would change."))
    if summary.drift is not None:
        parts.append(_changes_part("Has drifted", summary.drift, nothing="Nothing has drifted."))
    return cut_markdown(f"### {summary.environment}\n\n" + "\n".join(parts), limit=room)


def _environment_section(name: str, summary: PreviewSummary | None, *, room: int) -> str:
    if summary is None:
        return f"### {name}\n\nThe preview failed; see the run.\n"
    return summary_section(summary, room=room)


def _changes_part(title: str, changes: Sequence[PreviewChange], *, nothing: str) -> str:
    return f"**{title}:** {count_changes(changes)}\n\n{changes_table(changes)}" if changes else f"{nothing}\n"
