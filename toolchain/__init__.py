"""The Pulumi toolchain: the engine, its provider plugins and the Python language host.

`obtain_toolchain` finds, downloads or builds it, in this order; docs/adr/0001 explains why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolchain.model import Toolchain
    from toolchain.resources import unsupported_arguments
    from toolchain.ways import obtain_toolchain

__all__ = ["Toolchain", "obtain_toolchain", "unsupported_arguments"]

_HOMES = {"Toolchain": "model", "obtain_toolchain": "ways", "unsupported_arguments": "resources"}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a name on first use: the language host, which must start fast, is also in this package."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 -- for the same reason

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
