"""Each file's place in ClaudeFS's repository."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from infra.github.delivery import WORKFLOW_SOURCES, delivered_files, path_in_repository


@pytest.mark.parametrize(
    "source, place",
    [
        ("ci-build.yml", ".github/workflows/ci-build.yml"),
        ("actions/setup/action.yml", ".github/actions/setup/action.yml"),
        ("scripts/plan.py", ".github/scripts/plan.py"),
        ("deny.toml", ".github/deny.toml"),
    ],
)
def test_place_of(source: str, place: str) -> None:
    assert str(path_in_repository(PurePosixPath(source))) == place


def test_every_file_is_delivered() -> None:
    files = {path for path in WORKFLOW_SOURCES.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert set(delivered_files().values()) == files
    assert len(files) > 15
