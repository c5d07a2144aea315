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
from tests.e2e.stacks import type_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.e2e.stacks import Stack

CHANGES = Path(__file__).parents[2] / "docs" / "changes.md"
OPERATIONS = ("update", "create", "delete", "replace")
OLD_BUCKET = "claudefs-old-state"
STATE_BUCKET = ("**:Storage::storage", "**:PrivateBucket::state", "**:Bucket::state")
"""The bucket and the components that it is a part of."""
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
TAGS = {"owner": "Owner", "costCenter": "CostCenter"}
"""The settings that meet all that is tagged, and the tag that each changes."""
ALL_TAGGED = "all tagged"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A documented change: a setting, its new value, and the types that each operation is to meet."""

    setting: str
    value: str
    types: Mapping[str, frozenset[str]]

    def effects(self) -> set[tuple[str, str]]:
        """Return what it does to which types; what is replaced cannot be seen to be updated too."""
        return {
            ("change" if operation in ("update", "replace") else operation, kind)
            for operation, kinds in self.types.items()
            for kind in kinds
        }

    def may_go_with(self, other: Row) -> bool:
        """Return whether one preview shows apart what the two do."""
        return self.setting != other.setting and not self.effects() & other.effects()


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


def met(stack: Stack) -> dict[str, set[str]]:
    """Preview and return the types of resources that each operation would meet."""
    operations: dict[str, set[str]] = {}
    for step in stack.preview():
        operations.setdefault(step["op"], set()).add(type_of(step["urn"]))
    return operations


def tags_of(inputs: dict[str, Any]) -> dict[str, str]:
    """Return a resource's tags, which groups of instances have as a list."""
    tags = inputs["tags"]
    return {tag["key"]: tag["value"] for tag in tags} if isinstance(tags, list) else tags


def value(text: str) -> Any:  # any value that a setting takes
    return json.loads(text) if text.startswith(("[", "{")) else text


@pytest.fixture
def previewed(deployed: Stack, tmp_path: Path) -> Stack:
    """The deployed stack with settings of the test's own, for tests that only preview."""
    own = tmp_path / "settings.yaml"
    shutil.copy(deployed.settings, own)
    return replace(deployed, engine=replace(deployed.engine, settings=own), settings=own)


ROWS = table()
OF_TAGS = [row for row in ROWS if row.types["update"] == {ALL_TAGGED}]
OTHERS = [row for row in ROWS if row not in OF_TAGS]


@pytest.mark.parametrize("rows", together(OTHERS), ids=lambda rows: ",".join(row.setting for row in rows))
def test_a_change_of_a_setting_does_what_is_documented(previewed: Stack, rows: list[Row]) -> None:
    previewed.change(**{row.setting: value(row.value) for row in rows})

    found = met(previewed)

    for operation in OPERATIONS:
        assert found.get(operation, set()) == set().union(*(row.types[operation] for row in rows)), operation


def test_a_change_of_a_tag_meets_all_that_is_tagged_in_place(previewed: Stack) -> None:
    assert {row.setting for row in OF_TAGS} == TAGS.keys()
    tagged = {of["urn"] for of in previewed.resources() if of.get("inputs", {}).get("tags")}
    previewed.change(**{row.setting: value(row.value) for row in OF_TAGS})

    steps = previewed.preview()

    assert {step["urn"] for step in steps} == tagged
    assert {step["op"] for step in steps} == {"update"}
    for row in OF_TAGS:
        assert {tags_of(step["newState"]["inputs"])[TAGS[row.setting]] for step in steps} == {row.value}


def test_a_change_in_place_replaces_nothing_and_what_is_protected_then_is_not_replaced(stack: Stack) -> None:
    before = stack.ids()
    stack.change(**IN_PLACE, unprotected=[])
    stack.up()
    assert stack.ids() == before
    assert stack.changes() == {}

    settings = stack.settings.read_text()
    for setting, new in (("egress", "public-ip"), ("vpcCidr", "10.2.0.0/16")):
        stack.change(**{setting: new})
        with pytest.raises(EngineError, match="protect"):
            stack.up()
        assert stack.ids() == before
        stack.settings.write_text(settings)


def test_a_bucket_that_held_the_state_before_is_adopted_with_its_tags(empty_stack: Stack) -> None:
    s3 = empty_stack.client("s3")
    s3.create_bucket(Bucket=OLD_BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    s3.put_bucket_tagging(Bucket=OLD_BUCKET, Tagging={"TagSet": [{"Key": "whose", "Value": "ours"}]})
    empty_stack.change(adoptStateBucket=OLD_BUCKET)
    targets = [argument for urn in STATE_BUCKET for argument in ("--target", urn)]

    assert "1 imported" in empty_stack.engine.query_text("up", "--yes", "--skip-preview", *targets)

    assert empty_stack.changes(*targets) == {}
    assert [name for urn, name in empty_stack.ids().items() if type_of(urn) == "Bucket"] == [OLD_BUCKET]
    assert s3.get_bucket_tagging(Bucket=OLD_BUCKET)["TagSet"] == [{"Key": "whose", "Value": "ours"}]
