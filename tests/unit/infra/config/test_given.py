"""The names of the settings that a stack is deployed with."""

from __future__ import annotations

import json

import pytest

from infra.config.given import given_settings
from infra.naming import CONFIG_NAMESPACE
from tests.unit.infra.config.test_settings import DECLARED


def as_the_engine_gives(value: object) -> str:
    """Write a value as the engine hands it to a program."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


DEFAULTS = {key: as_the_engine_gives(declared["default"]) for key, declared in DECLARED.items()}


def test_defaults_and_what_configures_providers_are_not_given() -> None:
    assert given_settings({**DEFAULTS, "aws:region": "us-west-2", "github:owner": "example"}) == []


@pytest.mark.parametrize(
    "setting, value, names",
    [
        ("deploymentBranches", ["main", "release/*"], ["deploymentBranches"]),
        ("dailyBudgetUsd", 120, ["dailyBudgetUsd"]),
        ("managesRepository", "true", ["managesRepository"]),
        (
            "environmentSecrets",
            {"TOKEN": "marker", "ANOTHER": "marker"},
            ["environmentSecrets.ANOTHER", "environmentSecrets.TOKEN"],
        ),
    ],
)
def test_what_differs_from_its_default_is_given_by_name_and_secrets_one_by_one(
    setting: str, value: object, names: list[str]
) -> None:
    assert given_settings({**DEFAULTS, f"{CONFIG_NAMESPACE}:{setting}": as_the_engine_gives(value)}) == names
