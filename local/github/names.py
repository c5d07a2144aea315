"""The names of secrets and variables."""

from __future__ import annotations

import re
from http import HTTPStatus

from local.github.responses import ApiError

_NAME = re.compile(r"(?!GITHUB_)[A-Z_][A-Z0-9_]*")


def checked_name(kind: str, name: str) -> str:
    """Return a name as GitHub stores it: in capitals.

    Args:
        kind: What is named, as the message begins with it.
        name: The name as the client wrote it.

    Raises:
        ApiError: GitHub allows no such name.
    """
    stored = name.upper()
    if not _NAME.fullmatch(stored):
        raise ApiError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"{kind} names can only contain alphanumeric characters "
            "([a-z], [A-Z], [0-9]) or underscores (_). "
            "Spaces are not allowed. Must start with a letter ([a-z], [A-Z]) or underscores (_). "
            "Must not start with the GITHUB_ prefix.",
        )
    return stored
