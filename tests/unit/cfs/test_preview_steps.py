"""A pull request's comment and a review for a deployment count the same changes."""

from __future__ import annotations

from typing import Any

import pytest

from cfs.ci.preview_summary import parse_changes
from cfs.deploy import review
from cfs.preview_steps import changing_steps

PREFIX = "urn:pulumi:prod::claudefs-infra::claudefs:infra:"
VPC = f"{PREFIX}Network$aws:ec2/vpc:Vpc::network-vpc"
GROUP = f"{PREFIX}Cluster$aws:autoscaling/group:Group::storage-a"


def steps(*operations: tuple[str, str]) -> dict[str, Any]:
    return {"steps": [{"op": operation, "urn": urn} for operation, urn in operations]}


@pytest.mark.parametrize(
    "operation", ["same", "refresh", "read", "discard", "discard-replaced", "remove-pending-replace"]
)
def test_what_changes_nothing_is_no_change(operation: str) -> None:
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
def test_a_replacement_is_one_change_to_both_readers(parts: list[str]) -> None:
    preview = steps(*((part, VPC) for part in parts), ("update", GROUP))

    reviewed = review.review_of_preview(preview, environment="prod", commit="", program="", engine="")

    assert [change.operation for change in parse_changes(preview)] == ["replace", "update"]
    assert sorted(change.operation for change in reviewed.changes) == ["replace", "update"]
    assert "1 to replace, 1 to update" in review.review_text(reviewed, [])


def test_a_deletion_that_an_interrupted_replacement_left_to_do_is_a_change() -> None:
    preview = steps(("delete-replaced", VPC), ("replace", GROUP), ("delete-replaced", GROUP))

    assert [(step["op"], step["urn"]) for step in changing_steps(preview)] == [
        ("delete-replaced", VPC),
        ("replace", GROUP),
    ]
