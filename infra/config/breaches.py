"""Violations of rules between settings, and the commands that remove settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class RuleBreach:
    """A violation of a rule between settings.

    Attributes:
        setting: Field name of the setting to change.
        value: The current value, or None if it is not set.
        allowed: Description of the allowed values.
        path: Keys and indexes of the wrong value inside a list or an object.
        example: A valid value, if the setting's usual example might not be valid.
        repair: The command that fixes the problem, if setting the example does not.
    """

    setting: str
    value: object
    allowed: str
    path: tuple[str | int, ...] = ()
    example: str | None = None
    repair: str | None = None


def value_path_text(path: Sequence[str | int]) -> str:
    """Return a path in the syntax of `pulumi config set --path`, such as `.name[0]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def removal_command(key: str, *path: str | int) -> str:
    """Return the command that removes a setting or a value inside it."""
    return f"pulumi config rm --path '{key}{value_path_text(path)}'" if path else f"pulumi config rm {key}"
