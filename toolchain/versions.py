"""Versions of the engine and of the plugins, read from where each is declared."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

TOOLCHAIN_FOLDER = Path(__file__).resolve().parent
"""The folder of this package, with the Go modules below it."""

ENGINE_MODULE = TOOLCHAIN_FOLDER / "engine"
PROVIDERS_MODULE = TOOLCHAIN_FOLDER / "providers"
ACTIONLINT_MODULE = TOOLCHAIN_FOLDER / "actionlint"

NEXT_MAJOR_VERSION = 4
"""The first major version of Pulumi whose protocol is not that of the installed SDK."""

PLUGIN_NAMES = ("aws", "github")
"""The provider plugins that the stack uses."""


def built_engine_version() -> str:
    """Return the engine version that toolchain/engine/go.mod builds."""
    return required_version(ENGINE_MODULE, "github.com/pulumi/pulumi/pkg/v3").removeprefix("v")


def downloaded_engine_version() -> str:
    """Return the engine version to download: that of the installed SDK, as both are released together."""
    return metadata.version("pulumi")


def plugin_version(name: str) -> str:
    """Return the version of a plugin: that of its installed SDK package."""
    return metadata.version(f"pulumi-{name}")


def is_supported_engine(version: str) -> bool:
    """Return whether an engine on PATH may be used.

    The oldest is the one that this project builds and tests with: nothing older is ever tried.
    """
    return version_numbers(built_engine_version()) <= version_numbers(version) < (NEXT_MAJOR_VERSION,)


def version_numbers(version: str) -> tuple[int, ...]:
    """Turn `v3.259.0-alpha` into (3, 259, 0), to compare."""
    return tuple(int(part) for part in re.findall(r"\d+", version.split("-", maxsplit=1)[0]))


def required_version(module: Path, path: str) -> str:
    """Return the version that a go.mod requires of a module, such as `v3.259.0`.

    Raises:
        LookupError: The go.mod does not require that module.
    """
    found = re.search(rf"^\t(?:require )?{re.escape(path)} (\S+)", (module / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise LookupError(f"{module / 'go.mod'} does not require {path}")
    return found[1]


def required_go_version(module: Path) -> str:
    """Return the least version of Go that a go.mod asks for, such as `1.26`.

    Raises:
        LookupError: The go.mod has no such line.
    """
    found = re.search(r"^go (\S+)$", (module / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise LookupError(f"{module / 'go.mod'} has no go line")
    return found[1]
