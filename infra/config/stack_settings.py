"""Settings of a stack from its settings file and the defaults, without the engine and without secrets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from infra.config.given import setting_defaults
from infra.config.problems import SettingsError
from infra.config.settings import Settings, parse_settings
from infra.config.settings_file import read_stack_config
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def read_stack_settings(stack: str, path: Path, *, defaults: Mapping[str, str] | None = None) -> Settings:
    """Read a stack's settings file.

    Args:
        stack: Name of the stack.
        path: Settings file.
        defaults: Values of settings that the file may lack.
    """
    return settings_of_config(read_stack_config(path), stack=stack, defaults=defaults)


def settings_of_config(given: Mapping[str, Any], *, stack: str, defaults: Mapping[str, str] | None = None) -> Settings:
    """Validate a stack's configuration.

    Args:
        given: Configuration values by full key.
        stack: Name of the stack.
        defaults: Values of settings that the configuration may lack.
    """
    config = {**setting_defaults(), **(defaults or {})}
    config |= {key: value for key, value in given.items() if not _is_encrypted(value)}
    try:
        return parse_settings(
            {key: _as_config_text(value) for key, value in config.items()}, stack=stack, secret_keys=[]
        )
    except SettingsError as error:
        raise UserError(str(error), repair="change the settings as described") from None


def _is_encrypted(value: object) -> bool:
    if isinstance(value, dict):
        return "secure" in value or any(_is_encrypted(inner) for inner in value.values())
    return False


def _as_config_text(value: object) -> str:
    """Return a value as the engine passes it to the program."""
    return value if isinstance(value, str) else json.dumps(value)
