"""Settings files, read as Pulumi's engine reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from terminal.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

_BASE_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""libyaml's loader takes a tenth of the time; a PyYAML that was built without libyaml lacks it."""


def read_settings_file(path: Path) -> dict[str, Any]:
    """Return the content of a settings file, with every scalar as text, as the engine hands it over.

    PyYAML's other loaders follow YAML 1.1, in which `18:30` is the number 1110 and `2026-12-25` a date.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_BASE_LOADER)  # noqa: S506 — creates only text, lists and objects
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist.", repair=f"pulumi stack init {path.stem.removeprefix('Pulumi.')}, or name another"
        ) from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path} is not valid YAML in UTF-8: {error}", repair="correct the file") from None
    if not isinstance(content or {}, dict):
        raise UserError(f"{path} is not an object with the key config.", repair="correct the file")
    return content or {}


def read_stack_config(path: Path) -> dict[str, Any]:
    """Return the configuration in a settings file by full key; empty if the file has none."""
    return read_settings_file(path).get("config") or {}
