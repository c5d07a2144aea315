"""Changes as a pull request's comment and the review of a deployment show them."""

from __future__ import annotations

from typing import Any

import pytest

from cfs.previews.changes import changing_steps, count_changes, read_changes, read_preview_errors
from cfs.previews.changes_table import changes_table

PREFIX = "urn:pulumi:prod::claudefs-infra::claudefs:infra:"
VPC = f"{PREFIX}Network$aws:ec2/vpc:Vpc::network-vpc"
GROUP = f"{PREFIX}Cluster$aws:autoscaling/group:Group::storage-a"


def steps(*operations: tuple[str, str]) -> dict[str, Any]:
    return {"steps": [{"op": operation, "urn": urn} for operation, urn in operations]}


@pytest.mark.parametrize(
    "operation", ["same", "refresh", "read", "discard", "discard-replaced", "remove-pending-replace"]
)
def test_steps_that_change_nothing_are_not_changes(operation: str) -> None:
    assert changing_steps(steps((operation, VPC))) == []


def test_a_preview_without_steps_changes_nothing() -> None:
    assert changing_steps({}) == []


@pytest.mark.parametrize(
    "parts",
    [
        ["replace"],
        ["create-replacement", "replace", "delete-replaced"],
        ["delete-replaced", "replace", "create-replacement"],
        ["import-replacement", "replace"],
    ],
)
def test_a_replacement_is_one_change(parts: list[str]) -> None:
    preview = steps(*((part, VPC) for part in parts), ("update", GROUP))

    changes = read_changes(preview)

    assert [change.operation for change in changes] == ["replace", "update"]
    assert count_changes(changes) == "1 replace, 1 update"


def test_a_deletion_left_over_from_an_interrupted_replacement_is_a_change() -> None:
    preview = steps(("delete-replaced", VPC), ("replace", GROUP), ("delete-replaced", GROUP))

    assert [(step["op"], step["urn"]) for step in changing_steps(preview)] == [
        ("delete-replaced", VPC),
        ("replace", GROUP),
    ]


def test_a_change_names_its_resource_and_what_differs_without_values() -> None:
    preview = {"steps": [{"op": "update", "urn": VPC, "detailedDiff": {"tags.Name": {"kind": "update"}}}]}
    [change] = read_changes(preview)
    assert (change.operation, change.type, change.name) == ("update", "aws:ec2/vpc:Vpc", "network-vpc")
    assert change.properties == ("tags.Name",)


def test_a_row_marks_destructive_and_protected_changes_and_names_the_narrowest_paths() -> None:
    step = {
        "op": "replace",
        "urn": VPC,
        "oldState": {"protect": True},
        "detailedDiff": {"tags.Name": {}, "cidrBlock": {}, "rules[0].port": {}},
        "diffReasons": ["tags", "cidrBlock", "rules"],
    }
    row = (
        "| **replace** | `network-vpc` **protected** | `aws:ec2/vpc:Vpc` | `cidrBlock`, `rules[0].port`, `tags.Name` |"
    )
    assert row in changes_table(read_changes({"steps": [step]})).splitlines()


def test_errors_are_returned_without_the_engines_closing_message() -> None:
    preview = {
        "diagnostics": [
            {"severity": "error", "message": 'error: unable to replace resource "urn"\nas it is protected\n'},
            {"severity": "info", "message": "by the way"},
            {"severity": "error", "message": "error: preview failed\n"},
        ]
    }
    assert read_preview_errors(preview) == ['unable to replace resource "urn" as it is protected']
