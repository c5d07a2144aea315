"""A rule between settings that is broken, and the commands that remove settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class RuleBreach:
    """A rule that is broken.

    Attributes:
        setting: The setting to change, by its field's name.
        value: What it is, or None where it is not set.
        allowed: What would be right.
        path: Which value inside a list or an object is wrong: the names and places that lead to it.
        example: A value that would be right, where the setting's usual one might not be.
        repair: The command that repairs it, where setting the example does not.
    """

    setting: str
    value: object
    allowed: str
    path: tuple[str | int, ...] = ()
    example: str | None = None
    repair: str | None = None


def value_path_text(path: Sequence[str | int]) -> str:
    """Write a path as `pulumi config set --path` takes it: `.name[0]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def removal_command(key: str, *path: str | int) -> str:
    """Return the command that removes a setting, or a value inside it."""
    return f"pulumi config rm --path '{key}{value_path_text(path)}'" if path else f"pulumi config rm {key}"
