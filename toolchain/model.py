"""The data class of a toolchain that the rest of the project uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """A working `pulumi` with its plugins, and the environment to run it."""

    origin: Literal["path", "download", "built"]
    """The user's PATH, the vendor's archive, or a build from Go modules."""

    version: str
    """The engine's version, without a leading `v`."""

    path: tuple[Path, ...]
    """Folders to prepend to PATH; empty for the origin "path"."""

    env: Mapping[str, str]
    """Additional variables to set for `pulumi`."""
