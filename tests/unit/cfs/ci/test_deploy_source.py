"""Resolution of the version and commit to deploy."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from cfs.ci.deploy_source import find_deploy_source
from infra.github.delivery import WORKFLOW_SOURCES
from terminal.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with three commits on main and `origin/main`."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    for number in range(3):
        git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", f"Commit {number}")
    git(tmp_path, "update-ref", "refs/remotes/origin/main", "HEAD")
    return tmp_path


def test_a_release_resolves_to_the_commit_of_its_tag(checkout: Path) -> None:
    git(checkout, "tag", "--annotate", "v0.7.0", "HEAD~1", "--message", "Seven")
    found = find_deploy_source(checkout, version="v0.7.0")
    assert (found.version, found.commit, found.built) == ("v0.7.0", git(checkout, "rev-parse", "HEAD~1"), True)


def test_a_commit_after_a_tag_is_built_with_a_version_counted_from_the_tag(checkout: Path) -> None:
    git(checkout, "tag", "v0.7.0", "HEAD~2")
    found = find_deploy_source(checkout, version="")
    assert found.commit == git(checkout, "rev-parse", "HEAD")
    assert found.version == f"v0.7.0-2-g{found.commit[:7]}"
    assert not found.built


def test_a_tagged_commit_is_deployed_from_its_release(checkout: Path) -> None:
    git(checkout, "tag", "v0.7.0")
    found = find_deploy_source(checkout, version="")
    assert (found.version, found.built) == ("v0.7.0", True)


@pytest.mark.parametrize("tag", ["v0.7.0", "v10.20.30", "v0.7.0-rc1", "v0.7.0rc1", "v0.7.0.1", "v0.7", "va.b.c"])
def test_exactly_the_tags_for_which_the_workflow_creates_a_release_count_as_built(checkout: Path, tag: str) -> None:
    workflow = yaml.load((WORKFLOW_SOURCES / "release.yml").read_text(), Loader=yaml.BaseLoader)
    [pattern] = workflow["on"]["push"]["tags"]
    [notes] = re.findall(r'^tag_pattern = "(.*)"$', (WORKFLOW_SOURCES / "cliff.toml").read_text(), re.MULTILINE)
    is_released = re.fullmatch(pattern.replace(".", r"\."), tag) is not None
    git(checkout, "tag", tag)

    assert find_deploy_source(checkout, version="").built is is_released
    assert (re.search(notes.replace("\\\\", "\\"), tag) is not None) is is_released


def test_before_the_first_version_commits_count_from_zero(checkout: Path) -> None:
    git(checkout, "tag", "phase-1")
    found = find_deploy_source(checkout, version="")
    assert found.version == f"v0.0.0-3-g{found.commit[:7]}"


@pytest.mark.parametrize("version", ["0.7.0", "v0.7", "v0.7.0-rc1", "main", "--help", "v0.7.0\n"])
def test_an_invalid_version_is_refused(checkout: Path, version: str) -> None:
    with pytest.raises(UserError, match="is not a version"):
        find_deploy_source(checkout, version=version)


def test_a_version_without_a_tag_is_refused(checkout: Path) -> None:
    with pytest.raises(UserError, match=r"no tag v9\.9\.9"):
        find_deploy_source(checkout, version="v9.9.9")


def test_a_commit_that_is_not_on_main_is_refused(checkout: Path) -> None:
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", "Not merged")
    git(checkout, "tag", "v0.8.0")
    for version in ("", "v0.8.0"):
        with pytest.raises(UserError, match="is not on origin/main"):
            find_deploy_source(checkout, version=version)
