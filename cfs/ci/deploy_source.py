"""Which commit of ClaudeFS a deployment is of, and whether its release is there already or has to be built."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from terminal.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

MAIN_BRANCH = "origin/main"
"""What is deployed has been reviewed into it."""

GIT_TIMEOUT_SECONDS = 60
"""Seconds for git, which does not use the network here."""

_VERSION = re.compile(r"v[0-9]+\.[0-9]+\.[0-9]+")
"""Tags that `release.yml` makes a release of."""

_DESCRIBE_OPTIONS = (
    *("--tags", "--abbrev=7", "--match", "v[0-9]*.[0-9]*.[0-9]*"),
    # Git's patterns have no repetition: without these, `*` would match `v1.2.3-rc1` and `v1.2.3.4`.
    *("--exclude", "v*[!0-9.]*", "--exclude", "v*.*.*.*"),
)


@dataclass(frozen=True, kw_only=True)
class DeploySource:
    """What is deployed.

    Attributes:
        version: `v0.7.0`, or with what `git describe` adds; a commit before the first tag counts from v0.0.0.
        commit: 40 hexadecimal digits.
        built: Whether a release of it is there already.
    """

    version: str
    commit: str
    built: bool


def find_deploy_source(checkout: Path, *, version: str) -> DeploySource:
    """Find out what is deployed.

    Args:
        checkout: A checkout of ClaudeFS with its whole history and tags.
        version: The release that is wanted, or "" for the commit that is checked out.
    """
    if version and not _VERSION.fullmatch(version):
        raise UserError(f"{version!r} is no version.", repair="Give one such as v0.7.0, or none to build this commit.")
    wanted = f"refs/tags/{version}" if version else "HEAD"
    commit = _run_git(checkout, "rev-parse", "--verify", "--quiet", f"{wanted}^{{commit}}")
    if commit is None:
        raise UserError(
            f"There is no tag {version} in {checkout}.",
            repair="Give a version that `git tag --list 'v*'` shows; to make one: git tag VERSION && git push --tags",
        )
    if _run_git(checkout, "merge-base", "--is-ancestor", commit, MAIN_BRANCH) is None:
        raise UserError(
            f"{version or commit} is not on {MAIN_BRANCH}: only what has been reviewed into it is deployed.",
            repair="Merge it, and run the workflow on main.",
        )
    tag = version or _run_git(checkout, "describe", *_DESCRIBE_OPTIONS, "--exact-match", commit)
    if tag:
        return DeploySource(version=tag, commit=commit, built=True)
    described = (
        _run_git(checkout, "describe", *_DESCRIBE_OPTIONS, commit)
        or f"v0.0.0-{_commit_count(checkout, commit)}-g{commit[:7]}"
    )
    return DeploySource(version=described, commit=commit, built=False)


def _commit_count(checkout: Path, commit: str) -> str:
    return _run_git(checkout, "rev-list", "--count", commit) or "0"


def _run_git(checkout: Path, *arguments: str) -> str | None:
    """Ask git; None if it says no."""
    try:
        done = subprocess.run(
            ("git", *arguments), cwd=checkout, capture_output=True, text=True, timeout=GIT_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(
            f"git cannot run in {checkout}: {error}.", repair="Name a checkout of ClaudeFS; git must be on PATH."
        ) from error
    return done.stdout.strip() if done.returncode == 0 else None
