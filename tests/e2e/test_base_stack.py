"""The base stack on the real engine: what a setting changes, what is refused, what is adopted and what stays."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cfs.engine import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.e2e.conftest import Stack

CHANGES = Path(__file__).parents[2] / "docs" / "changes.md"
OPERATIONS = ("update", "create", "delete", "replace")
OLD_BUCKET = "claudefs-old-state"
IN_PLACE: dict[str, object] = {
    "owner": "another-team",
    "costCenter": "engineering",
    "siteBZones": ["us-west-2c"],
    "orchestratorInstanceType": "c7a.4xlarge",
    "orchestratorDiskGib": 200,
    "dailyBudgetUsd": 120,
    "monthlyBudgetUsd": 3500,
    "alertEmails": ["team@example.org"],
    "logRetentionDays": 90,
}
"""Changes that leave every resource what it is."""
PROTECTED = {
    "Bucket state",
    "BucketLifecycleConfiguration state-lifecycle",
    "BucketOwnershipControls state-ownership",
    "BucketPolicy state-policy",
    "BucketPublicAccessBlock state-public-access",
    "BucketServerSideEncryptionConfiguration state-encryption",
    "BucketVersioning state-versioning",
    "Key encryption",
}
"""What `destroy --exclude-protected` leaves: the state, and the key that it is encrypted with."""


ALL_TAGGED = "all tagged"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A documented change: a setting, its new value, and the types that each operation is to meet."""

    setting: str
    value: str
    types: Mapping[str, frozenset[str]]

    def may_go_with(self, other: Row) -> bool:
        """Return whether one preview shows apart what the two do, since they meet different types."""
        mine, others = (frozenset().union(*row.types.values()) for row in (self, other))
        return self.setting != other.setting and ALL_TAGGED not in mine | others and not mine & others


def table() -> list[Row]:
    found = re.findall(r"^\| `(\w+)` \| `(.+?)` \|(.*)\|$", CHANGES.read_text(), flags=re.MULTILINE)
    return [
        Row(
            setting=setting,
            value=value,
            types={
                operation: frozenset(re.findall(rf"{ALL_TAGGED}|\b[A-Z]\w+", cell))
                for operation, cell in zip(OPERATIONS, cells.split("|"), strict=True)
            },
        )
        for setting, value, cells in found
    ]


def together(rows: Sequence[Row]) -> list[list[Row]]:
    """Put rows together that one preview shows apart: a preview takes seconds."""
    groups: list[list[Row]] = []
    for row in rows:
        fitting = next((group for group in groups if all(row.may_go_with(other) for other in group)), None)
        if fitting is None:
            groups.append([row])
        else:
            fitting.append(row)
    return groups


def ids(stack: Stack) -> dict[str, str]:
    """Return the ids of all that providers made, by URN."""
    return {of["urn"]: of["id"] for of in stack.resources() if of.get("id")}


def met(stack: Stack) -> dict[str, set[str]]:
    """Preview and give the types of resources that each operation would meet."""
    operations: dict[str, set[str]] = {}
    for step in stack.engine.query_json("preview", "--json")["steps"]:
        kind = step["urn"].split("::")[2].rpartition(":")[2]
        operations.setdefault(step["op"], set()).add(kind)
    operations.pop("same", None)
    return operations


def value(text: str) -> Any:  # any value that a setting takes
    return json.loads(text) if text.startswith(("[", "{")) else text


@pytest.fixture
def previewed(deployed: Stack, tmp_path: Path) -> Stack:
    """Return the deployed stack to tests that only preview: there is nothing to put back."""
    own = tmp_path / "settings.yaml"
    shutil.copy(deployed.settings, own)
    return replace(deployed, engine=replace(deployed.engine, settings=own), settings=own)


@pytest.mark.parametrize("rows", together(table()), ids=lambda rows: ",".join(row.setting for row in rows))
def test_a_change_of_a_setting_does_what_is_documented(previewed: Stack, rows: list[Row]) -> None:
    previewed.change(**{row.setting: value(row.value) for row in rows})
    tagged = {of["type"].rpartition(":")[2] for of in previewed.resources() if of.get("inputs", {}).get("tags")}

    found = met(previewed)

    for operation in OPERATIONS:
        documented = set().union(*(row.types[operation] for row in rows))
        assert found.get(operation, set()) == (tagged if ALL_TAGGED in documented else documented), operation


@pytest.mark.parametrize("setting, new", [("egress", "public-ip"), ("vpcCidr", "10.2.0.0/16")])
def test_a_replaced_orchestrator_is_refused_until_a_setting_that_was_deployed_allows_it(
    stack: Stack, setting: str, new: str
) -> None:
    stack.change(unprotected=[])
    stack.up()
    before = ids(stack)
    stack.change(**{setting: new})

    with pytest.raises(EngineError, match="protect"):
        stack.up()

    assert ids(stack) == before


def test_a_stack_adopts_its_state_is_updated_in_place_and_leaves_what_is_protected(empty_stack: Stack) -> None:
    s3 = empty_stack.client("s3")
    s3.create_bucket(Bucket=OLD_BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    s3.put_bucket_tagging(Bucket=OLD_BUCKET, Tagging={"TagSet": [{"Key": "whose", "Value": "ours"}]})
    empty_stack.change(adoptStateBucket=OLD_BUCKET)

    assert "1 imported" in empty_stack.up()
    assert empty_stack.changes() == {}
    assert empty_stack.outputs()["stateBucket"] == OLD_BUCKET
    assert s3.get_bucket_tagging(Bucket=OLD_BUCKET)["TagSet"] == [{"Key": "whose", "Value": "ours"}]

    before = ids(empty_stack)
    empty_stack.change(**IN_PLACE)
    empty_stack.up()
    assert ids(empty_stack) == before
    assert empty_stack.changes() == {}

    with pytest.raises(EngineError, match="protect"):
        empty_stack.engine.query_text("destroy", "--yes", "--skip-preview")
    empty_stack.engine.query_text("destroy", "--yes", "--skip-preview", "--exclude-protected")
    left = {urn.split("::")[2].rpartition(":")[2] + " " + urn.rpartition("::")[2] for urn in ids(empty_stack)}
    assert {name for name in left if not name.startswith("aws ")} == PROTECTED
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == [OLD_BUCKET]
