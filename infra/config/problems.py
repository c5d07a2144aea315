"""A problem with a setting, and the command that repairs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class SettingProblem:
    """One setting that is wrong.

    Attributes:
        key: The full configuration key.
        value: What is set, or None where nothing is; `[secret]` for a secret.
        allowed: What would be right.
        repair: The command that repairs it.
    """

    key: str
    value: str | None
    allowed: str
    repair: str

    def __str__(self) -> str:
        """Return it in two lines."""
        found = "is not set" if self.value is None else f"is {self.value!r}"
        return f"{self.key} {found}: {self.allowed}\n    repair: {self.repair}"


class SettingsError(pulumi.RunError):
    """The stack's settings are wrong; nothing has been declared. Pulumi prints it without a traceback."""

    def __init__(self, problems: Sequence[SettingProblem]) -> None:
        """Report all problems at once."""
        self.problems = tuple(problems)
        count = "1 setting is wrong" if len(problems) == 1 else f"{len(problems)} settings are wrong"
        super().__init__("\n  ".join([f"{count}; nothing was deployed.", *map(str, problems)]))


class RedirectedError(pulumi.RunError):
    """Variables would lead the providers elsewhere; nothing has been declared. Pulumi prints it without a traceback."""

    def __init__(self, variables: Sequence[str]) -> None:
        """Name the variables and how to get rid of them."""
        names = ", ".join(variables)
        super().__init__(
            f"{names}: the AWS provider would follow the environment and not the stack's settings; nothing was "
            f"deployed.\n    repair: unset {' '.join(variables)}"
        )
