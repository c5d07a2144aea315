"""A stand-in for ClaudeFS's repository, with the files delivered by the stack, and for its builds and releases."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.github.delivery import delivered_files
from measure.rehearsal.emulator_requests import send_request

if TYPE_CHECKING:
    from pathlib import Path

ARCHITECTURES = ("aarch64", "x86_64")
_GIT_SECONDS = 60
_IDENTITY = ("-c", "user.name=rehearsal", "-c", "user.email=rehearsal@example.org")


@dataclass(frozen=True, kw_only=True)
class ClaudefsRepository:
    """A Git repository with a branch `main`.

    Attributes:
        folder: The working copy, which jobs clone.
        releases: Folder of the releases' files, with a subfolder for each version.
    """

    folder: Path
    releases: Path

    def deliver_files(self, github_url: str, repository: str, *, token: str) -> str:
        """Commit the delivered files as they are on `main` in the GitHub stand-in, and return the commit."""
        if not self.folder.exists():
            self._run_git("init", "--quiet", "--initial-branch", "main", str(self.folder))
        for path in delivered_files():
            stored = send_request(f"{github_url}/repos/{repository}/contents/{path}?ref=main", "GET", token=token)
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(base64.b64decode(stored["content"]))
        return self.commit_change("Deliver the workflow files")

    def commit_change(self, message: str) -> str:
        """Commit all changes, even if there are none, and return the commit."""
        here = ("-C", str(self.folder))
        self._run_git(*here, "add", "--all")
        self._run_git(*here, *_IDENTITY, "commit", "--quiet", "--allow-empty", "--message", message)
        return self._run_git(*here, "rev-parse", "HEAD")

    def release_version(self, version: str) -> str:
        """Tag a new commit, write its release's files, and return the commit."""
        commit = self.commit_change(version)
        self._run_git("-C", str(self.folder), "tag", version)
        write_release(self.releases / version, commit)
        return commit

    @staticmethod
    def _run_git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=_GIT_SECONDS, check=True)
        return done.stdout.strip()


def write_build(artifacts: Path, commit: str) -> None:
    """Write the artifacts of `release-build.yml`: an attested archive for each architecture."""
    for architecture in ARCHITECTURES:
        _write_archive(artifacts / f"release-{architecture}", architecture, commit)


def write_release(folder: Path, commit: str) -> None:
    """Write the files of a release."""
    for architecture in ARCHITECTURES:
        _write_archive(folder, architecture, commit)


def _write_archive(folder: Path, architecture: str, commit: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"claudefs-{architecture}.tar.zst"
    archive.write_text(f"ClaudeFS {commit} for {architecture}\n")
    attested = {"sha256": hashlib.sha256(archive.read_bytes()).hexdigest(), "commit": commit}
    archive.with_name(f"{archive.name}.sigstore.json").write_text(json.dumps(attested))
