"""Settings of an environment from its file and the defaults, without the engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from infra.config.given import SECRET_SETTINGS, setting_defaults
from infra.config.problems import SettingsError
from infra.config.settings import Settings, parse_settings
from infra.naming import CONFIG_NAMESPACE
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SECRETS = {f"{CONFIG_NAMESPACE}:{name}" for name in SECRET_SETTINGS}

_EXAMPLE_ACCOUNT = "111122223333"
"""AWS's example ID. An estimate needs no account, and a settings file has none before `cfs bootstrap`."""


def read_stack_settings(file: Path, *, stack: str) -> Settings:
    """Return the settings in a file `Pulumi.STACK.yaml`, without secrets."""
    return settings_of_config((yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("config", {}), stack=stack)


def settings_of_config(given: Mapping[str, Any], *, stack: str) -> Settings:
    """Return the settings of a stack's configuration, with the defaults of Pulumi.yaml and without secrets."""
    account = {"aws:allowedAccountIds": [_EXAMPLE_ACCOUNT]}
    values = {**setting_defaults(), **account, **{key: value for key, value in given.items() if key not in _SECRETS}}
    try:
        return parse_settings({key: _config_text(value) for key, value in values.items()}, stack=stack, secret_keys=[])
    except SettingsError as error:
        raise UserError(f"The settings of {stack} are wrong.\n{error}", repair="change them as described") from error


def _config_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
