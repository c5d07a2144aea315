"""The environment of pip, without what would put packages elsewhere than they are meant for."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from toolchain import versions

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCES = versions.TOOLCHAIN_FOLDER / "package-sources.txt"
"""The variables that are the user's to set, by name or pattern; `bin/make-venv` reads them too."""

_INSTALLERS = ("PIP_", "PYTHON")


def installer_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for pip: of its settings, the user's are kept that say where packages come from."""
    sources = [line for line in SOURCES.read_text().splitlines() if not line.startswith("#")]
    kept = {
        name: value
        for name, value in variables.items()
        if not name.startswith(_INSTALLERS) or any(fnmatchcase(name, pattern) for pattern in sources)
    }
    # pip.conf may say otherwise, and variables win over it.
    return kept | {"PIP_USER": "0"}
