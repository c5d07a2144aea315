"""A stack's state is restored from the versions in its bucket."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from cfs.aws import AwsAccount
from cfs.recovery.state_versions import StateStore, count_state_resources, restore_state
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION, BUCKET = "us-west-2", "claudefs-prod-state"
KEY = ".pulumi/stacks/claudefs-infra/prod.json"


def state(resources: int) -> bytes:
    return json.dumps({"version": 3, "checkpoint": {"latest": {"resources": [{}] * resources}}}).encode()


@pytest.fixture
def store() -> Iterator[StateStore]:
    session = boto3.Session("test", "test", region_name=REGION)
    with mock_aws():
        s3 = session.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield StateStore(aws=AwsAccount(session=session), bucket=BUCKET, stack="prod")


def save(store: StateStore, content: bytes, *, key: str = KEY) -> None:
    store.aws.call_operation("s3", "put_object", Bucket=BUCKET, Key=key, Body=content)


def current_resources(store: StateStore, *, key: str = KEY) -> int | None:
    answer = store.aws.call_operation("s3", "get_object", Bucket=BUCKET, Key=key)
    return count_state_resources(answer["Body"].read())


def test_a_deleted_state_comes_back(store: StateStore) -> None:
    save(store, state(2))
    store.aws.call_operation("s3", "delete_object", Bucket=BUCKET, Key=KEY)
    assert restore_state(store).resources == 2
    assert current_resources(store) == 2


def test_the_newest_readable_state_with_resources_replaces_a_damaged_one(store: StateStore) -> None:
    for content in (state(1), state(3), state(0), b'{"checkpoint": {', state(4)[:40]):
        save(store, content)
    assert restore_state(store).resources == 3
    assert current_resources(store) == 3


def test_a_compressed_state_comes_back_under_its_own_key(store: StateStore) -> None:
    save(store, gzip.compress(state(5)), key=f"{KEY}.gz")
    save(store, b"\x1f\x8bdamaged", key=f"{KEY}.gz")
    assert restore_state(store).resources == 5
    assert current_resources(store, key=f"{KEY}.gz") == 5


def test_the_objects_of_another_stack_and_backups_are_left_out(store: StateStore) -> None:
    save(store, state(2), key=f"{KEY}.bak")
    save(store, state(2), key=KEY.replace("prod", "production"))
    with pytest.raises(UserError, match="it has 0 in all"):
        restore_state(store)


def test_nothing_is_restored_from_before_the_first_version(store: StateStore) -> None:
    save(store, state(1))
    save(store, state(2))
    with pytest.raises(UserError, match="from before 2020-01-01 00:00:00 UTC; it has 2 in all"):
        restore_state(store, before=datetime(2020, 1, 1, tzinfo=UTC))
    assert current_resources(store) == 2
