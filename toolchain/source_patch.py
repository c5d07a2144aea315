"""Changes one place of a module's source."""

from __future__ import annotations


def replace_once(text: str, old: str, new: str, *, place: str) -> str:
    """Return a text with its only occurrence of `old` replaced.

    Args:
        text: The source.
        old: The code to replace.
        new: The code in its place.
        place: The source's place, for the message.

    Raises:
        LookupError: The text does not have `old` once, as when the module's version has changed.
    """
    if text.count(old) != 1:
        raise LookupError(f"{place} does not have {old} once")
    return text.replace(old, new)
