"""Which commit of ClaudeFS a deployment is of, and whether its release is there already or has to be built."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from terminal.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

MAIN = "origin/main"
"""What is deployed has been reviewed into it."""

COMMAND_LIMIT = 60
"""Seconds for git, which does not use the network here."""

_VERSION = re.compile(r"v\d+\.\d+\.\d+")
_TAGS = ("--tags", "--match", "v[0-9]*.[0-9]*.[0-9]*", "--abbrev=7")


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is deployed.

    Attributes:
        version: `v0.7.0`, or with what `git describe` adds; a commit before the first tag counts from v0.0.0.
        commit: 40 hexadecimal digits.
        built: Whether a release of it is there already.
    """

    version: str
    commit: str
    built: bool


def find(checkout: Path, *, version: str) -> Source:
    """Find out what is deployed.

    Args:
        checkout: A checkout of ClaudeFS with its whole history and tags.
        version: The release that is wanted, or "" for the commit that is checked out.

    Raises:
        UserError: There is no such version, or it is not on the default branch.
    """
    if version and not _VERSION.fullmatch(version):
        raise UserError(f"{version!r} is no version.", repair="Give one such as v0.7.0, or none to build this commit.")
    wanted = f"refs/tags/{version}" if version else "HEAD"
    commit = _git(checkout, "rev-parse", "--verify", "--quiet", f"{wanted}^{{commit}}")
    if commit is None:
        raise UserError(
            f"There is no tag {version} in {checkout}.",
            repair="Give a version that `git tag --list 'v*'` shows; to make one: git tag VERSION && git push --tags",
        )
    if _git(checkout, "merge-base", "--is-ancestor", commit, MAIN) is None:
        raise UserError(
            f"{version or commit} is not on {MAIN}: only what has been reviewed into it is deployed.",
            repair="Merge it, and run the workflow on main.",
        )
    tag = version or _git(checkout, "describe", *_TAGS, "--exact-match", commit)
    if tag:
        return Source(version=tag, commit=commit, built=True)
    described = _git(checkout, "describe", *_TAGS, commit) or f"v0.0.0-{_count(checkout, commit)}-g{commit[:7]}"
    return Source(version=described, commit=commit, built=False)


def _count(checkout: Path, commit: str) -> str:
    return _git(checkout, "rev-list", "--count", commit) or "0"


def _git(checkout: Path, *arguments: str) -> str | None:
    """Ask git; None if it says no.

    Raises:
        UserError: It cannot be asked.
    """
    try:
        done = subprocess.run(
            ("git", *arguments), cwd=checkout, capture_output=True, text=True, timeout=COMMAND_LIMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(
            f"git cannot run in {checkout}: {error}.", repair="Name a checkout of ClaudeFS; git must be on PATH."
        ) from error
    return done.stdout.strip() if done.returncode == 0 else None
