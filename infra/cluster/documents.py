"""Common parts of SSM documents: names and checked parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DocumentParameter:
    """Parameter of a document.

    Attributes:
        name: Its name, in CamelCase.
        description: What it is.
        pattern: A regular expression for the whole value, from `^` to `$`; Systems Manager refuses any other value
            before anything is run. Values stand in commands, so it must take nothing that a shell interprets.
        example: A value that it takes.

    Raises:
        ValueError: The pattern is not anchored at both ends, or does not take its example.
    """

    name: str
    description: str
    pattern: str
    example: str

    def __post_init__(self) -> None:
        """Refuse a pattern that says nothing of the whole value."""
        if not (self.pattern.startswith("^") and self.pattern.endswith("$")):
            raise ValueError(f"parameter {self.name}: the pattern {self.pattern} must begin with ^ and end with $")
        if not re.fullmatch(self.pattern, self.example):
            raise ValueError(f"parameter {self.name}: the pattern {self.pattern} does not take {self.example!r}")

    @property
    def parameter_reference(self) -> str:
        """Placeholder that Systems Manager replaces by the value."""
        return f"{{{{ {self.name} }}}}"

    def to_json(self) -> dict[str, str]:
        """Return the parameter as a document declares it."""
        return {"type": "String", "description": self.description, "allowedPattern": self.pattern}
