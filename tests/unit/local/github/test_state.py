"""The state file."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from local.github.state import StateError, StateStore, lock_state_file

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.local.github.conftest import GitHub, OpenGitHub


def test_everything_is_there_after_a_restart(github: GitHub, open_github: OpenGitHub) -> None:
    policy = {"protected_branches": False, "custom_branch_policies": True}
    github.branch("topic")
    github.put_file("a.txt", "1", branch="topic")
    github.repo("POST", "/actions/variables", {"name": "A", "value": "1"})
    github.repo("PUT", "/actions/secrets/KEY", github.encrypt("marker"))
    github.repo("PUT", "/environments/production", {"deployment_branch_policy": policy})
    github.repo("POST", "/environments/production/deployment-branch-policies", {"name": "main"})
    github.repo("POST", "/pulls", {"title": "t", "head": "topic", "base": "main"})
    github.repo("POST", "/rulesets", {"name": "r", "enforcement": "disabled"})
    github.fault("slow", seconds=0)
    again = open_github(github.store.path)
    assert again.store.state == github.store.state


def test_numbers_are_not_given_twice_across_a_restart(github: GitHub, open_github: OpenGitHub) -> None:
    first = github.repo("POST", "/rulesets", {"name": "a", "enforcement": "disabled"}).json
    second = open_github(github.store.path).repo("POST", "/rulesets", {"name": "b", "enforcement": "disabled"}).json
    assert first is not None
    assert second is not None
    assert second["id"] > first["id"]


def test_only_the_user_may_read_the_file(github: GitHub) -> None:
    assert stat.S_IMODE(github.store.path.stat().st_mode) == 0o600


def test_a_file_that_was_left_open_to_others_is_closed_by_the_next_change(github: GitHub) -> None:
    github.store.path.chmod(0o644)
    github.repo("POST", "/actions/variables", {"name": "A", "value": "1"})
    assert stat.S_IMODE(github.store.path.stat().st_mode) == 0o600


def test_what_a_killed_process_left_half_written_is_ignored(github: GitHub, open_github: OpenGitHub) -> None:
    path = github.store.path
    half_written = path.with_name(f".{path.name}.new")
    half_written.write_text('{"owner":')
    assert open_github(path).repo("GET").status_code == 200
    github.repo("POST", "/actions/variables", {"name": "A", "value": "1"})
    assert not half_written.exists()


def test_a_read_does_not_write_the_file(github: GitHub) -> None:
    before = github.store.path.stat().st_ino
    github.repo("GET")
    github.repo("GET", "/nothing")
    assert github.store.path.stat().st_ino == before


def test_the_file_is_never_seen_half_written(github: GitHub) -> None:
    # It is replaced, not changed: whoever has it open keeps the old one.
    with github.store.path.open() as old:
        github.repo("POST", "/actions/variables", {"name": "A", "value": "1"})
        assert json.load(old)["repository"]["variables"] == {}
    assert json.loads(github.store.path.read_text())["repository"]["variables"].keys() == {"A"}


@pytest.mark.parametrize("text", ["", "{", '{"owner": 1}', "[]"])
def test_a_file_that_holds_something_else_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(StateError, match=r"state\.json is not a state file of this version"):
        StateStore.open_file(path, owner="o", repository="r")
    assert path.read_text() == text


@pytest.mark.parametrize("owner, repository", [("other", "r"), ("o", "other")])
def test_a_file_of_another_repository_is_refused(tmp_path: Path, owner: str, repository: str) -> None:
    path = tmp_path / "state.json"
    StateStore.open_file(path, owner="o", repository="r")
    with pytest.raises(StateError, match=f"holds o/r, not {owner}/{repository}"):
        StateStore.open_file(path, owner=owner, repository=repository)


def test_a_file_in_use_is_refused_until_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "state.json"
    with (
        lock_state_file(path),
        pytest.raises(StateError, match="another process serves"),
        lock_state_file(path),
    ):
        pass
    with lock_state_file(path):
        pass
