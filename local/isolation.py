"""Isolation of the local account's processes from variables that could redirect them.

The engine, the providers, boto3 and Python read hundreds of variables, and each release adds some. Processes of the
local account therefore inherit only the few listed here.
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
"""The user's variables that processes of the local account inherit: identity, folders, locale, terminal, libraries."""

KEPT_PREFIXES = ("CFS_", "LC_", "XDG_")
"""Prefixes of further variables to inherit."""

NO_FILES: Mapping[str, str] = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Variables that stop AWS's SDKs from reading the user's profiles and the machine's own credentials."""


def isolate(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process of the local account: the inherited variables, and `NO_FILES`."""
    kept = {name: value for name, value in variables.items() if name in KEPT or name.startswith(KEPT_PREFIXES)}
    return {**kept, **NO_FILES}
