"""The user's own Pulumi."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from toolchain import versions
from toolchain.model import Toolchain

PULUMI_VERSION_TIMEOUT_SECONDS = 20
"""Seconds for `pulumi version`."""


def find_installed_toolchain(root: Path) -> Toolchain | None:
    """Find a supported `pulumi` on PATH that has its Python language host and the stack's plugins.

    Args:
        root: The cache's folder. A `pulumi` in it is none of the user's: a shell that was set up for it once
            would hold on to it for good.

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
    # What the engine's processes get of the user's environment is decided elsewhere; the plugins are in this folder.
    return Toolchain(origin="path", version=version, path=(), env={"PULUMI_HOME": str(_pulumi_home())})


def engine_version(pulumi: Path) -> str | None:
    """Ask an engine for its version; None if it does not say."""
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
