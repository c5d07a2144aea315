"""What the local account takes from the user's environment: nothing that decides what its processes talk to.

Engine, providers, boto3 and Python read hundreds of variables, and each release adds some. So the processes of the
local account get the few that are listed here, and no others.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT = frozenset(
    {
        *("HOME", "LOGNAME", "PATH", "SHELL", "USER"),
        *("TEMP", "TMP", "TMPDIR"),
        *("LANG", "LANGUAGE", "TZ", "TZDIR"),
        *("CLICOLOR", "CLICOLOR_FORCE", "COLORTERM", "COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "TERM"),
        *("DYLD_FALLBACK_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LD_LIBRARY_PATH"),
    }
)
"""The user's variables that processes of the local account get: who and where the user is, and how text is shown."""

KEPT_PREFIXES = ("CFS_", "LC_", "XDG_")
"""Beginnings of the names of further ones."""

NO_FILES: Mapping[str, str] = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Variables that keep AWS's SDKs away from the user's profiles and from the machine's own credentials."""


def isolate(variables: Mapping[str, str]) -> dict[str, str]:
    """Return what a process of the local account gets of the user's variables."""
    kept = {name: value for name, value in variables.items() if name in KEPT or name.startswith(KEPT_PREFIXES)}
    return {**kept, **NO_FILES}
