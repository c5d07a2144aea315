"""The environment of pip, without variables that would change where it installs packages."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from toolchain import versions

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCES = versions.TOOLCHAIN_FOLDER / "package-sources.txt"
"""Names and patterns of the user's variables to keep; `bin/make-venv` also reads them."""

_INSTALLERS = ("PIP_", "PYTHON")


def installer_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for pip that keeps only those of the user's settings that select package sources."""
    sources = [line for line in SOURCES.read_text().splitlines() if not line.startswith("#")]
    kept = {
        name: value
        for name, value in variables.items()
        if not name.startswith(_INSTALLERS) or any(fnmatchcase(name, pattern) for pattern in sources)
    }
    # pip.conf may set this differently; variables take precedence.
    return kept | {"PIP_USER": "0"}
