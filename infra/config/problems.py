"""Problems with settings, and the commands that fix them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class SettingProblem:
    """A setting with a wrong value.

    Attributes:
        key: Full configuration key.
        value: The current value, or None if it is not set; `[secret]` for a secret.
        allowed: Description of the allowed values.
        repair: The command that fixes the problem.
    """

    key: str
    value: str | None
    allowed: str
    repair: str

    def __str__(self) -> str:
        """Return the problem and its repair, on two lines."""
        found = "is not set" if self.value is None else f"is {self.value!r}"
        return f"{self.key} {found}: {self.allowed}\n    repair: {self.repair}"


class SettingsError(Exception):
    """The stack's settings are wrong."""

    def __init__(self, problems: Sequence[SettingProblem]) -> None:
        """Report all problems at once."""
        self.problems = tuple(problems)
        count = "1 setting is wrong" if len(problems) == 1 else f"{len(problems)} settings are wrong"
        super().__init__("\n  ".join([f"{count}; nothing was deployed.", *map(str, problems)]))
