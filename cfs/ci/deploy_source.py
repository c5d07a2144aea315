"""Resolves which commit of ClaudeFS to deploy, and whether its release exists or has to be built."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from terminal.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

MAIN_BRANCH = "origin/main"
"""Only commits that were reviewed and merged into this branch are deployed."""

GIT_TIMEOUT_SECONDS = 60
"""Time-out of git, which does not use the network here."""

_VERSION = re.compile(r"v[0-9]+\.[0-9]+\.[0-9]+")
"""Tags for which `release.yml` creates a release."""

_DESCRIBE_OPTIONS = (
    *("--tags", "--abbrev=7", "--match", "v[0-9]*.[0-9]*.[0-9]*"),
    # Git's patterns have no repetition: without these, `*` would match `v1.2.3-rc1` and `v1.2.3.4`.
    *("--exclude", "v*[!0-9.]*", "--exclude", "v*.*.*.*"),
)


@dataclass(frozen=True, kw_only=True)
class DeploySource:
    """Version and commit to deploy.

    Attributes:
        version: `v0.7.0`, or the output of `git describe`; a commit before the first tag counts from v0.0.0.
        commit: 40 hexadecimal digits.
        built: Whether its release exists.
    """

    version: str
    commit: str
    built: bool


def find_deploy_source(checkout: Path, *, version: str) -> DeploySource:
    """Resolve a release, or "" for the checked-out commit.

    Args:
        checkout: A checkout of ClaudeFS with its whole history and tags.
        version: The release, or "".
    """
    if version and not _VERSION.fullmatch(version):
        raise UserError(
            f"{version!r} is not a version.", repair="Give one such as v0.7.0, or none to build this commit."
        )
    wanted = f"refs/tags/{version}" if version else "HEAD"
    commit = _run_git(checkout, "rev-parse", "--verify", "--quiet", f"{wanted}^{{commit}}")
    if commit is None:
        raise UserError(
            f"There is no tag {version} in {checkout}.",
            repair="Give a version that `git tag --list 'v*'` shows, or tag one: git tag VERSION && git push --tags",
        )
    if _run_git(checkout, "merge-base", "--is-ancestor", commit, MAIN_BRANCH) is None:
        raise UserError(
            f"{version or commit} is not on {MAIN_BRANCH}: only merged commits are deployed.",
            repair="Merge it, and run the workflow on main.",
        )
    tag = version or _run_git(checkout, "describe", *_DESCRIBE_OPTIONS, "--exact-match", commit)
    if tag:
        return DeploySource(version=tag, commit=commit, built=True)
    described = _run_git(checkout, "describe", *_DESCRIBE_OPTIONS, commit)
    if described is None:
        described = f"v0.0.0-{_run_git(checkout, 'rev-list', '--count', commit)}-g{commit[:7]}"
    return DeploySource(version=described, commit=commit, built=False)


def _run_git(checkout: Path, *arguments: str) -> str | None:
    """Return git's output, or None if it fails."""
    try:
        done = subprocess.run(
            ("git", *arguments), cwd=checkout, capture_output=True, text=True, timeout=GIT_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(
            f"git cannot run in {checkout}: {error}.", repair="Name a checkout of ClaudeFS; git must be on PATH."
        ) from error
    return done.stdout.strip() if done.returncode == 0 else None
