"""The Pulumi that the user has installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from toolchain import versions
from toolchain.model import Toolchain

PULUMI_VERSION_TIMEOUT_SECONDS = 20
"""Time limit for `pulumi version`, in seconds."""


def find_installed_toolchain(root: Path) -> Toolchain | None:
    """Find a supported `pulumi` on PATH that has its Python language host and the stack's plugins.

    Args:
        root: The cache's folder. A `pulumi` in it is not the user's and is ignored: otherwise a shell whose PATH once
            included it would use it forever.

    Returns:
        None if any of them is missing or has another version.
    """
    pulumi = shutil.which("pulumi")
    if pulumi is None or shutil.which("pulumi-language-python") is None or not _has_plugins():
        return None
    if Path(pulumi).resolve().is_relative_to(root.resolve()):
        return None
    version = engine_version(Path(pulumi))
    if version is None or not versions.is_supported_engine(version):
        return None
    # Other code decides which of the user's variables the engine inherits; PULUMI_HOME must be set to find the plugins.
    return Toolchain(origin="path", version=version, path=(), env={"PULUMI_HOME": str(_pulumi_home())})


def engine_version(pulumi: Path) -> str | None:
    """Return an engine's version, or None if it does not print one."""
    try:
        answer = subprocess.run(
            [pulumi, "version"],
            env=os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"},
            capture_output=True,
            text=True,
            timeout=PULUMI_VERSION_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.fullmatch(r"v(\d+\.\d+\.\d+\S*)", answer.stdout.strip())
    return found[1] if found else None


def _pulumi_home() -> Path:
    return Path(os.environ.get("PULUMI_HOME") or "~/.pulumi").expanduser()


def _has_plugins() -> bool:
    wanted = (f"resource-{name}-v{versions.plugin_version(name)}" for name in versions.PLUGIN_NAMES)
    return all((_pulumi_home() / "plugins" / folder).is_dir() for folder in wanted)
