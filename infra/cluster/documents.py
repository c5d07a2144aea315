"""Checked parameters of SSM documents."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DocumentParameter:
    """Parameter of a document.

    Attributes:
        name: Parameter name, in CamelCase.
        description: Description shown by Systems Manager.
        pattern: Regular expression for the whole value, from `^` to `$`. Systems Manager refuses other values before
            it runs anything. Values are inserted into commands, so the pattern must exclude shell metacharacters.
        example: A value that matches the pattern.

    Raises:
        ValueError: The pattern is not anchored at both ends, or does not match the example.
    """

    name: str
    description: str
    pattern: str
    example: str

    def __post_init__(self) -> None:
        """Refuse a pattern that is not anchored or does not match the example."""
        if not (self.pattern.startswith("^") and self.pattern.endswith("$")):
            raise ValueError(f"parameter {self.name}: the pattern {self.pattern} must begin with ^ and end with $")
        if not re.fullmatch(self.pattern, self.example):
            raise ValueError(f"parameter {self.name}: the pattern {self.pattern} does not match {self.example!r}")

    @property
    def parameter_reference(self) -> str:
        """Placeholder that Systems Manager replaces with the value."""
        return f"{{{{ {self.name} }}}}"

    def to_json(self) -> dict[str, str]:
        """Return the parameter's declaration in a document."""
        return {"type": "String", "description": self.description, "allowedPattern": self.pattern}
