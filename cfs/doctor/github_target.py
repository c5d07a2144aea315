"""A stack's settings, and the token and base URL of its GitHub."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.config.stack_settings import read_stack_settings
from infra.project import PROJECT_FOLDER
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from infra.config.settings import Settings

GITHUB_API_URL = "https://api.github.com/"
TOKEN_VARIABLE = "GITHUB_TOKEN"  # noqa: S105 — the variable's name
BASE_URL_VARIABLE = "GITHUB_BASE_URL"


@dataclass(frozen=True, kw_only=True)
class GitHubTarget:
    """A stack's settings without the secret ones, and the token and base URL of its GitHub."""

    stack: str
    settings: Settings
    token: str
    base_url: str

    def __repr__(self) -> str:
        """Omit the token."""
        return f"Target(stack={self.stack!r}, base_url={self.base_url!r})"


def read_github_target(
    stack: str, *, settings: Path | None = None, environment: Mapping[str, str] | None = None
) -> GitHubTarget:
    """Read a stack's settings, and the token and base URL from environment variables.

    Args:
        stack: Name of the stack.
        settings: Settings file; None means `Pulumi.<stack>.yaml`.
        environment: Environment variables; None means this process's.
    """
    variables = os.environ if environment is None else environment
    token = variables.get(TOKEN_VARIABLE, "")
    if not token:
        raise UserError(
            f"{TOKEN_VARIABLE} is not set: the repository cannot be examined.",
            repair=f"create a token on https://github.com/settings/tokens (classic: scopes repo and workflow), and "
            f"`export {TOKEN_VARIABLE}`",
        )
    if token.split() != [token]:
        raise UserError(
            f"{TOKEN_VARIABLE} contains a space or a line break, which no token has.",
            repair=f'export {TOKEN_VARIABLE}="$(printf %s "${TOKEN_VARIABLE}" | tr -d "[:space:]")"',
        )
    found = read_stack_settings(stack, settings or PROJECT_FOLDER / f"Pulumi.{stack}.yaml")
    # As in the provider. Only the emulated stack lacks this setting.
    address = found.github_base_url or variables.get(BASE_URL_VARIABLE) or GITHUB_API_URL
    return GitHubTarget(stack=stack, settings=found, token=token, base_url=address)
