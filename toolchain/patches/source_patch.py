"""A change of one file of a Go module."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class SourcePatch:
    """A change of one file of a Go module.

    Attributes:
        module: The module's path.
        file: The file's path in the module.
        function: The start of the only function to change; "" for the whole file.
        replacements: Pairs of code that stands there exactly once, and the code that replaces it.
        added_files: Contents of new files in the same folder, by name.
    """

    module: str
    file: str
    function: str = ""
    replacements: tuple[tuple[str, str], ...]
    added_files: Mapping[str, str] = field(default_factory=dict)

    def apply_to(self, copy: Path) -> None:
        """Change a copy of the module's folder.

        Raises:
            LookupError: The copy lacks code to replace, because the module's version has changed; nothing is written.
        """
        file = copy / self.file
        before, start, after = file.read_text().partition(self.function or "package ")
        code, end, after = after.partition("\n}\n") if self.function else (after, "", "")
        for old, new in self.replacements:
            if code.count(old) != 1:
                raise LookupError(f"{self.module}/{self.file} does not have this once:\n{old}")
            code = code.replace(old, new)
        file.write_text(before + start + code + end + after)
        for name, content in self.added_files.items():
            file.with_name(name).write_text(content)
