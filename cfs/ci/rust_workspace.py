"""Manifest of ClaudeFS's Rust workspace, for the workflows and their tests."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TEST_CRATE = "claudefs-tests"
"""The crate whose modules are test suites."""

WORKSPACE_TIMEOUT_SECONDS = 60
"""Time-out of git and cargo; neither uses the network here."""

_MODULE = re.compile(r"^pub mod (\w+);", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class RustWorkspace:
    """Names of the workspace's parts at one commit, sorted; `suites` are the modules of the test crate."""

    commit: str
    crates: Sequence[str]
    binaries: Sequence[str]
    suites: Sequence[str]


def read_workspace(checkout: Path) -> RustWorkspace:
    """Read a checkout of ClaudeFS."""
    packages = json.loads(_run_command(checkout, "cargo", "metadata", "--no-deps", "--format-version=1"))["packages"]
    tests = next((package for package in packages if package["name"] == TEST_CRATE), None)
    if tests is None:
        raise UserError(f"{checkout} has no crate {TEST_CRATE}.", repair="Name a checkout of ClaudeFS.")
    library = next(target["src_path"] for target in tests["targets"] if "lib" in target["kind"])
    # From git, not from the working tree, which may differ from the commit.
    source = _run_command(checkout, "git", "show", f"HEAD:./{library.removeprefix(f'{checkout.resolve()}/')}")
    return RustWorkspace(
        commit=_run_command(checkout, "git", "rev-parse", "HEAD").strip(),
        crates=sorted(package["name"] for package in packages),
        binaries=sorted(
            target["name"] for package in packages for target in package["targets"] if "bin" in target["kind"]
        ),
        suites=sorted(_MODULE.findall(source)),
    )


def _run_command(folder: Path, *command: str) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=WORKSPACE_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(
            f"`{' '.join(command)}` cannot run in {folder}: {error}.",
            repair="Name a checkout of ClaudeFS; git and cargo must be on PATH.",
        ) from error
    if done.returncode != 0:
        raise UserError(
            f"`{' '.join(command)}` failed in {folder}: {done.stderr.strip()}", repair="Name a checkout of ClaudeFS."
        )
    return done.stdout
