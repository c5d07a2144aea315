"""Who may send a command runs one of three programs with plain arguments, and nothing else."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from infra.cluster.documents import DocumentParameter
from infra.cluster.node_commands import DRAIN_SECONDS, NODE_COMMANDS, NodeCommands, NodeCommandsArgs
from infra.naming import document_name
from tests.unit.infra.conftest import secured_stack

if TYPE_CHECKING:
    from infra.cluster.node_commands import CommandName
    from infra.tags import Tags
    from tests.unit.infra.conftest import Declare, Recorder

PARAMETERS = [parameter for command in NODE_COMMANDS.values() for parameter in command.parameters]
COMMIT, SHA256 = "0123456789" * 4, "0123456789abcdef" * 4


def content(name: CommandName) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(NODE_COMMANDS[name].document_content())
    return document


@pytest.fixture(scope="module")
def recorder(declare: Declare, tags: Tags) -> Recorder:
    return declare(
        lambda: NodeCommands("node-commands", args=NodeCommandsArgs(stack=secured_stack(tags))).documents["drain"]
    )


@pytest.mark.parametrize(
    "name, line",
    [
        ("drain", "exec /usr/local/libexec/cfs/drain '{{ Reason }}'"),
        ("install", "exec /usr/local/libexec/cfs/install-release '{{ ReleaseKey }}' '{{ Sha256 }}'"),
        ("probe", "exec /usr/local/libexec/cfs/probe '{{ ExpectedVersion }}'"),
    ],
)
def test_each_document_runs_one_program_with_its_parameters(name: CommandName, line: str) -> None:
    [step] = content(name)["mainSteps"]
    assert step["action"] == "aws:runShellScript"
    assert step["inputs"]["runCommand"] == [line]


@pytest.mark.parametrize("name", list(NODE_COMMANDS))
def test_every_parameter_that_a_command_mentions_is_declared_with_a_pattern(name: CommandName) -> None:
    document = content(name)
    mentioned = re.findall(r"\{\{ (\w+) \}\}", document["mainSteps"][0]["inputs"]["runCommand"][0])
    assert document["schemaVersion"] == "2.2"
    assert mentioned == list(document["parameters"])
    assert all(declared["type"] == "String" for declared in document["parameters"].values())
    assert all(declared["allowedPattern"] for declared in document["parameters"].values())


def test_no_parameter_takes_what_a_shell_would_interpret() -> None:
    taken = [
        (parameter.name, given)
        for parameter in PARAMETERS
        for character in "'\"`$\\;&|<>(){}[]*?~#!% \t\n\r"
        for at in range(len(parameter.example) + 1)
        if re.fullmatch(parameter.pattern, given := parameter.example[:at] + character + parameter.example[at:])
    ]
    assert taken == []
    assert {parameter.name for parameter in PARAMETERS} == {"Reason", "ReleaseKey", "Sha256", "ExpectedVersion"}


@pytest.mark.parametrize(
    "name, value",
    [
        ("ReleaseKey", f"releases/{COMMIT}/release.json"),
        ("Sha256", SHA256),
        ("ExpectedVersion", "v0.7.0"),
        ("ExpectedVersion", "v10.20.30-rc.1"),
        ("Reason", "termination"),
    ],
)
def test_a_right_value_is_taken(name: str, value: str) -> None:
    assert [re.fullmatch(of.pattern, value) is not None for of in PARAMETERS if of.name == name] == [True]


@pytest.mark.parametrize(
    "name, value",
    [
        ("ReleaseKey", "releases/main/release.json"),
        ("ReleaseKey", f"releases/{COMMIT}/../release.json"),
        ("ReleaseKey", f"releases/{COMMIT}/release.json.txt"),
        ("ReleaseKey", f"other/releases/{COMMIT}/release.json"),
        ("ReleaseKey", f"releases/{COMMIT}/release-json"),
        ("Sha256", SHA256[:-1]),
        ("Sha256", SHA256.upper()),
        ("Sha256", ""),
        ("ExpectedVersion", "latest"),
        ("ExpectedVersion", "v1.2"),
        ("ExpectedVersion", "-rf"),
        ("Reason", ""),
        ("Reason", "-h"),
        ("Reason", "x" * 41),
    ],
)
def test_a_wrong_value_is_refused(name: str, value: str) -> None:
    assert [re.fullmatch(of.pattern, value) for of in PARAMETERS if of.name == name] == [None]


def test_a_drain_ends_before_a_spot_instance_does() -> None:
    assert content("drain")["mainSteps"][0]["inputs"]["timeoutSeconds"] == str(DRAIN_SECONDS)
    assert DRAIN_SECONDS < 120


@pytest.mark.parametrize("pattern", ["[a-z]+", "^[a-z]+", "[a-z]+$"])
def test_a_pattern_for_a_part_of_the_value_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="must begin with"):
        DocumentParameter(name="Loose", description="", pattern=pattern, example="a")


def test_a_pattern_that_does_not_take_its_example_is_refused() -> None:
    with pytest.raises(ValueError, match=r"parameter Wrong: the pattern .* does not match '1'"):
        DocumentParameter(name="Wrong", description="", pattern="^[a-z]+$", example="1")


def test_the_documents_are_the_environments_own(recorder: Recorder) -> None:
    declared = {of.inputs["name"]: of.inputs for of in recorder.of("aws:ssm/document:Document")}
    assert set(declared) == {"claudefs-test-drain", "claudefs-test-install", "claudefs-test-probe"}
    assert {inputs["documentType"] for inputs in declared.values()} == {"Command"}
    assert recorder.result == document_name("test", "drain")
