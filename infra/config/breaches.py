"""A rule between settings that is broken."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RuleBreach:
    """A rule that is broken.

    Attributes:
        setting: The setting to change, by its field's name.
        value: What it is, or None where it is not set.
        allowed: What would be right.
        index: Which entry of a list is wrong.
        path: Which value inside an object is wrong: the names and places that lead to it.
        example: A value that would be right, where the setting's usual one might not be.
        repair: The command that repairs it, where setting the example does not.
    """

    setting: str
    value: object
    allowed: str
    index: int | None = None
    path: tuple[str | int, ...] = ()
    example: str | None = None
    repair: str | None = None
