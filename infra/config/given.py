"""Names of the settings a stack is deployed with; an output records them so that no later deployment omits one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from infra.config.settings_file import read_stack_config
from infra.naming import CONFIG_NAMESPACE
from infra.project import PROJECT_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECRET_SETTINGS = ("actionsSecrets", "environmentSecrets", "previewSecrets")
"""Settings that hold secrets by name."""


def setting_defaults() -> dict[str, Any]:
    """Return the defaults of the project's settings by full key, as `Pulumi.yaml` declares them."""
    declared = read_stack_config(PROJECT_FOLDER / "Pulumi.yaml")
    return {key: of["default"] for key, of in declared.items() if key.startswith(f"{CONFIG_NAMESPACE}:")}


def given_settings(config: Mapping[str, str]) -> list[str]:
    """Return the names of the project's settings that differ from their defaults, sorted.

    Each secret is listed separately, such as `actionsSecrets.TOKEN`. Values are not returned.

    Args:
        config: All configuration values by full key, as the engine passes them, including defaults.
    """
    defaults = {key: _as_given(default) for key, default in setting_defaults().items()}
    return sorted(
        name for key, value in config.items() if defaults.get(key, value) != value for name in _input_names(key, value)
    )


def _input_names(key: str, value: str) -> Iterator[str]:
    name = key.removeprefix(f"{CONFIG_NAMESPACE}:")
    if name in SECRET_SETTINGS:
        yield from (f"{name}.{secret}" for secret in json.loads(value))
    else:
        yield name


def _as_given(default: object) -> str:
    """Return a default as the engine passes it: lists and objects as JSON without spaces."""
    return default if isinstance(default, str) else json.dumps(default, separators=(",", ":"))
