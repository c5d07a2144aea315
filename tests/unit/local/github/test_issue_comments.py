"""Comments on pull requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.local.github.conftest import GitHub


@pytest.fixture
def ready(github: GitHub) -> GitHub:
    """A repository with an open pull request, number 1."""
    github.branch("topic")
    github.put_file("a.txt", "1\n", branch="topic")
    assert github.repo("POST", "/pulls", {"title": "Deliver", "head": "topic", "base": "main"}).status_code == 201
    return github


def test_a_comment_is_written_listed_and_written_again(ready: GitHub) -> None:
    created = ready.repo("POST", "/issues/1/comments", {"body": "first"})
    assert created.status_code == 201
    assert created.json is not None
    changed = ready.repo("PATCH", f"/issues/comments/{created.json['id']}", {"body": "second"})
    assert changed.status_code == 200
    listed = ready.repo("GET", "/issues/1/comments").json
    assert listed is not None
    assert [comment["body"] for comment in listed] == ["second"]


def test_what_is_not_there_is_not_found(ready: GitHub) -> None:
    assert ready.repo("POST", "/issues/2/comments", {"body": "first"}).status_code == 404
    assert ready.repo("PATCH", "/issues/comments/5", {"body": "first"}).status_code == 404
