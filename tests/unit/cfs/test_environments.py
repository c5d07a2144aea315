"""Environments: their names, and the account and region that each command reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from cfs.environments import find_stack_environment
from cli.app import app
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cfs.aws import AwsAccount

EVERY_COMMAND = (
    "deploy publish --from f --version v --commit c --repository r",
    "deploy status",
    "deploy roll-back",
    "deploy roll-out --release r",
    "deploy preview",
    "deploy apply --digest d",
    "cluster status",
    "cluster down",
    "cluster up --for 3h",
    "doctor github",
    "ci preview --output o",
)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return a function that writes an environment's settings; AWS's variables and the profile name another region."""
    monkeypatch.setattr("cfs.environments.PROJECT_FOLDER", tmp_path)
    (tmp_path / "aws").write_text("[profile work]\nregion = eu-west-1\n")
    for name, value in {
        "AWS_CONFIG_FILE": str(tmp_path / "aws"),
        "AWS_PROFILE": "work",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)

    def write(name: str, text: str) -> None:
        (tmp_path / f"Pulumi.{name}.yaml").write_text(text)

    return write


@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_every_command_names_the_environments_that_exist(command: str) -> None:
    error = CliRunner().invoke(app, [*command.split(), "--environment", "production"]).exception
    assert isinstance(error, UserError)
    assert "no environment 'production'" in error.problem
    assert "local, prod, staging" in error.repair


@pytest.mark.parametrize("command, region", [
    ("deploy status", "us-east-2"),
    ("deploy roll-back", "us-east-2"),
    ("cluster status", "us-east-2"),
    ("cluster down", "us-east-2"),
    ("cluster status --region us-west-1", "us-west-1"),
])  # fmt: skip
def test_commands_reach_the_region_of_the_settings_whatever_the_profile_says(
    settings: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch, command: str, region: str
) -> None:
    settings("east", "config:\n  aws:region: us-east-2\n")
    reached: list[str] = []

    def note(account: AwsAccount, service: str) -> None:
        reached.append(account.session.client(service).meta.region_name)
        raise UserError("enough", repair="")

    monkeypatch.setattr("cfs.aws.AwsAccount._service_client", note)
    done = CliRunner().invoke(app, [*command.split(), "--environment", "east"])
    assert str(done.exception).startswith("enough")
    assert reached == [region]


def test_settings_without_a_region_are_named(settings: Callable[[str, str], None]) -> None:
    settings("bare", "")
    with pytest.raises(UserError, match=r"Pulumi.bare.yaml does not set aws:region"):
        find_stack_environment("bare").connect_aws()
