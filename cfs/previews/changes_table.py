"""Markdown table of a preview's changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfs.previews.changes import order_changes
from terminal.markdown import code_span, markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cfs.previews.changes import PreviewChange


def changes_table(changes: Iterable[PreviewChange]) -> str:
    """Return a table with a row per change. Destructive changes come first, in case the table is cut."""
    return markdown_table(
        ("", "resource", "type", "properties"),
        (
            (
                f"**{change.operation}**" if change.operation in ("delete", "replace") else change.operation,
                code_span(change.name) + (" **protected**" if change.protected else ""),
                code_span(change.type),
                ", ".join(map(code_span, _narrowest_paths(change.properties))),
            )
            for change in order_changes(changes)
        ),
    )


def _narrowest_paths(paths: tuple[str, ...]) -> list[str]:
    """Remove paths that contain another path, such as `tags` if there is `tags.Name`."""
    return [path for path in paths if not any(other.startswith((f"{path}.", f"{path}[")) for other in paths)]
