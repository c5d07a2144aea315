"""What the rest of the project knows of a toolchain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """A working `pulumi` with its plugins, and how to run it."""

    origin: Literal["path", "download", "built"]
    """Where it comes from: the user's PATH, the vendor's archive, or a build from Go modules."""

    version: str
    """The engine's version, without a leading `v`."""

    path: tuple[Path, ...]
    """Folders to put in front of PATH; empty for the origin "path"."""

    env: Mapping[str, str]
    """Further variables to set for `pulumi`."""
