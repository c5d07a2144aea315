"""Versions of the engine and the plugins, read from go.mod files and installed packages."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

TOOLCHAIN_FOLDER = Path(__file__).resolve().parent
"""This package's folder, which contains the Go modules."""

ENGINE_MODULE = TOOLCHAIN_FOLDER / "engine"
PROVIDERS_MODULE = TOOLCHAIN_FOLDER / "providers"
ACTIONLINT_MODULE = TOOLCHAIN_FOLDER / "actionlint"

NEXT_MAJOR_VERSION = 4
"""The first major version of Pulumi whose protocol differs from the installed SDK's."""

PLUGIN_NAMES = ("aws", "github")
"""The provider plugins that the stack uses."""


def built_engine_version() -> str:
    """Return the engine version that toolchain/engine/go.mod builds."""
    return required_version(ENGINE_MODULE, "github.com/pulumi/pulumi/pkg/v3").removeprefix("v")


def downloaded_engine_version() -> str:
    """Return the engine version to download: the installed SDK's, as both are released together."""
    return metadata.version("pulumi")


def plugin_version(name: str) -> str:
    """Return a plugin's version: the one of its installed SDK package."""
    return metadata.version(f"pulumi-{name}")


def is_supported_engine(version: str) -> bool:
    """Return whether an engine on PATH may be used.

    The minimum is the version that this project builds and tests with.
    """
    return version_numbers(built_engine_version()) <= version_numbers(version) < (NEXT_MAJOR_VERSION,)


def version_numbers(version: str) -> tuple[int, ...]:
    """Convert a version to a comparable tuple: `v3.259.0-alpha` to (3, 259, 0)."""
    return tuple(int(part) for part in re.findall(r"\d+", version.split("-", maxsplit=1)[0]))


def required_version(module: Path, path: str) -> str:
    """Return the version of a module that a go.mod requires, for example `v3.259.0`.

    Raises:
        LookupError: The go.mod does not require that module.
    """
    found = re.search(rf"^\t(?:require )?{re.escape(path)} (\S+)", (module / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise LookupError(f"{module / 'go.mod'} does not require {path}")
    return found[1]


def required_go_version(module: Path) -> str:
    """Return the minimum Go version in a go.mod, for example `1.26`.

    Raises:
        LookupError: The go.mod has no `go` line.
    """
    found = re.search(r"^go (\S+)$", (module / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise LookupError(f"{module / 'go.mod'} has no go line")
    return found[1]
