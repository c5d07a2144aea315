"""The parsed workflow and action files of ClaudeFS and of this project."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

from cfs.ci.workflow_lint import own_workflow_files
from infra.github.delivery import delivered_files

WORKSPACE = Path(__file__).parent / "workspace.json"


@dataclass(frozen=True, kw_only=True)
class File:
    """A YAML file."""

    place: str
    text: str

    @cached_property
    def content(self) -> dict[str, Any]:
        """The file's content; every scalar is a string, so `on` is not a boolean."""
        parsed = yaml.load(self.text, Loader=yaml.BaseLoader)
        assert isinstance(parsed, dict)
        return parsed

    @property
    def steps(self) -> list[dict[str, Any]]:
        """All steps of the workflow's jobs, or of the action."""
        jobs = self.content["jobs"].values() if "jobs" in self.content else [self.content["runs"]]
        return [step for job in jobs for step in job.get("steps", [])]


def _files(part: str) -> list[File]:
    """Return the files below a folder of `.github`; this project's have the prefix `claudefs-infra/`."""
    both = {**{f"claudefs-infra/{place}": path for place, path in own_workflow_files().items()}, **delivered_files()}
    return [
        File(place=place, text=path.read_text())
        for place, path in both.items()
        if f".github/{part}/" in place and place.endswith(".yml")
    ]


WORKFLOWS = _files("workflows")
ACTIONS = _files("actions")


@pytest.fixture
def workflows() -> list[File]:
    """All workflows of ClaudeFS and of this project."""
    return WORKFLOWS


@pytest.fixture
def files() -> list[File]:
    """All workflows and actions."""
    return [*WORKFLOWS, *ACTIONS]


@pytest.fixture
def workspace() -> dict[str, Any]:
    """A description of ClaudeFS's workspace."""
    content = json.loads(WORKSPACE.read_text())
    assert isinstance(content, dict)
    return content
