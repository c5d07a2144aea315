"""A clone of this project in which a stack of a real account uses the emulated one."""

from __future__ import annotations

import os
import re
import shutil
import site
import subprocess
import sys
from typing import TYPE_CHECKING

import yaml

from infra.project import PROJECT_FOLDER
from local.servers import LOCAL_OWNER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.account import LocalAccount

LOCAL_SUBJECT = f"repo:{LOCAL_OWNER}@1000/claudefs@1001"
"""Prefix of OIDC subjects in the emulated repository."""

_GIT_SECONDS = 60
_IDENTITY = ("-c", "user.name=clone", "-c", "user.email=clone@example.org")


def clone_project(folder: Path, *, account: LocalAccount, stack: str) -> str:
    """Create a Git repository from this project's working tree, and return its only commit, on the branch `main`.

    The stack's committed settings name the emulators in place of AWS and GitHub. The clone has a `.venv` with this
    project's commands and packages.

    Args:
        folder: The clone's folder; it must not exist yet.
        account: The emulated account and repository.
        stack: The stack to redirect to the emulators, for example `prod`.
    """
    listed = _run_git(PROJECT_FOLDER, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (PROJECT_FOLDER / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT_FOLDER / name, folder / name, follow_symlinks=False)
    settings = folder / f"Pulumi.{stack}.yaml"
    settings.write_text(_redirect_settings(settings.read_text(), redirected_settings(account)))
    link_environment(folder)
    _run_git(folder, "init", "--quiet", "--initial-branch", "main")
    _run_git(folder, "add", "--all")
    _run_git(folder, *_IDENTITY, "commit", "--quiet", "--message", "Settings of the emulated account")
    return _run_git(folder, "rev-parse", "HEAD").strip()


def redirected_settings(account: LocalAccount) -> Mapping[str, object]:
    """Return the settings that make a stack of a real account use the emulated one."""
    return {
        "github:owner": LOCAL_OWNER,
        "github:organization": LOCAL_OWNER,
        "github:baseUrl": f"{account.github_url}/",
        "github:writeDelayMs": "1",
        "aws:endpoints": [{"s3": account.aws_url}],
        "claudefs-infra:githubSubject": LOCAL_SUBJECT,
        "claudefs-infra:reviewerUsers": [LOCAL_OWNER],
    }


def link_environment(folder: Path) -> None:
    """Create a virtual environment in a copy of this project; it imports the copy and this environment's packages."""
    environment = folder / ".venv"
    packages = environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    packages.mkdir(parents=True)
    [installed] = site.getsitepackages()
    # Before all folders named in the packages' own .pth files, one of which is this project's.
    (packages / "copy.pth").write_text(f"import sys; sys.path.insert(0, {str(folder)!r})\n{installed}\n")
    (environment / "pyvenv.cfg").write_text((PROJECT_FOLDER / ".venv" / "pyvenv.cfg").read_text())
    programs = environment / "bin"
    programs.mkdir()
    for name in ("python", "python3"):
        (programs / name).symlink_to(os.path.realpath(sys.executable))
    command = programs / "cfs"
    command.write_text(f"#!{programs / 'python'}\nfrom cli.app import main\n\nmain()\n")
    command.chmod(0o755)
    (environment / ".ready").write_text(f"{os.path.realpath(folder)}\n")


def _redirect_settings(text: str, changed: Mapping[str, object]) -> str:
    """Replace settings in a settings file, and keep its other lines and comments."""
    kept = text
    for key in changed:
        kept = re.sub(rf"^  {re.escape(key)}:.*\n(?:    .*\n)*", "", kept, flags=re.MULTILINE)
    added = yaml.safe_dump(dict(changed), sort_keys=False)
    return kept.replace("config:\n", "config:\n" + "".join(f"  {line}\n" for line in added.splitlines()), 1)


def _run_git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=_GIT_SECONDS, check=True
    )
    return done.stdout
