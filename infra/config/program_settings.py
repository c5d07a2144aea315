"""Settings of the running program's stack, and their errors, which Pulumi prints without a traceback.

The console reads settings without the Pulumi SDK, whose import takes longer than most of its commands.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env, get_config_secret_keys_env, is_config_secret

from infra.config.problems import SettingsError
from infra.config.settings import parse_settings
from infra.config.variables import find_redirects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.config.settings import Settings


class RejectedSettingsError(SettingsError, pulumi.RunError):
    """The stack's settings are wrong; nothing has been declared."""


class RedirectedError(pulumi.RunError):
    """Environment variables would redirect provider requests; nothing has been declared."""

    def __init__(self, variables: Sequence[str]) -> None:
        """Name the variables and the command that unsets them."""
        names = ", ".join(variables)
        super().__init__(
            f"{names}: the AWS provider would follow the environment and not the stack's settings; nothing was "
            f"deployed.\n    repair: unset {' '.join(variables)}"
        )


def read_config() -> dict[str, str]:
    """Return all configuration values of the running program's stack by full key, including defaults."""
    # The official language host passes configuration in environment variables; others set it in the process.
    return {**get_config_env(), **CONFIG.get()}


def load_settings() -> Settings:
    """Return the validated settings of the running program's stack.

    Raises:
        RejectedSettingsError: Some settings are wrong.
        RedirectedError: Environment variables would redirect provider requests.
    """
    redirects = find_redirects(os.environ, unbeatable_only=True)
    if redirects:
        raise RedirectedError(redirects)
    config = read_config()
    secret_keys = [key for key in config if is_config_secret(key) or key in get_config_secret_keys_env()]
    try:
        return parse_settings(config, stack=pulumi.get_stack(), secret_keys=secret_keys)
    except SettingsError as error:
        raise RejectedSettingsError(error.problems) from None
