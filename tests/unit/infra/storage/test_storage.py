"""The buckets: private, encrypted, versioned, cleaned up; the state is never deleted."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from infra.storage.bucket_rules import bucket_policy
from infra.storage.storage import Storage, StorageArgs
from infra.tags import Tags
from tests.unit.infra.conftest import ACCOUNT_ID, run, secured_stack

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Recorder

BUCKETS = ("state", "artifacts", "build-cache")
KEY = "arn:aws:kms:us-west-2:key"


@cache
def storage(*, adopt: str = "", protected: bool = True) -> Recorder:
    return run(
        lambda: (
            Storage(
                "storage",
                args=StorageArgs(
                    adopt_state_bucket=adopt,
                    artifacts_protected=protected,
                    stack=secured_stack(Tags(environment="test", owner="claudefs-team"), key_arn=KEY),
                ),
            ).state_bucket
        )
    )


def rules(bucket: str) -> dict[str, dict[str, Any]]:
    configuration = storage().one("BucketLifecycleConfiguration", f"{bucket}-lifecycle")
    return {rule["id"]: rule for rule in configuration.inputs["rules"]}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_nothing_about_a_bucket_is_public(bucket: str) -> None:
    block = storage().one("BucketPublicAccessBlock", f"{bucket}-public-access").inputs

    assert [block[key] for key in sorted(block) if key != "bucket"] == [True] * 4
    ownership = storage().one("BucketOwnershipControls", f"{bucket}-ownership").inputs
    assert ownership["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_is_encrypted_with_the_stacks_key_and_a_bucket_key(bucket: str) -> None:
    [rule] = storage().one("BucketServerSideEncryptionConfiguration", f"{bucket}-encryption").inputs["rules"]

    assert rule["bucketKeyEnabled"] is True
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_refuses_what_comes_without_tls(bucket: str) -> None:
    [tls, *_] = storage().one("BucketPolicy", f"{bucket}-policy").document()["Statement"]

    assert (tls["Effect"], tls["Principal"], tls["Action"]) == ("Deny", "*", "s3:*")
    assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(tls["Resource"]) == 2


def test_a_bucket_refuses_objects_of_another_key_and_takes_those_that_ask_for_nothing() -> None:
    policy = bucket_policy("arn:aws:s3:::bucket", KEY)

    assert policy.count('"Null"') == 2  # only a header that is there is judged
    assert f'"s3:x-amz-server-side-encryption-aws-kms-key-id": "{KEY}"' in policy


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_keeps_versions_and_drops_unfinished_uploads(bucket: str) -> None:
    versioning = storage().one("BucketVersioning", f"{bucket}-versioning").inputs

    assert versioning["versioningConfiguration"] == {"status": "Enabled"}
    assert rules(bucket)["unfinished-uploads"]["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}


def test_superseded_versions_expire_and_the_last_states_stay() -> None:
    superseded = {bucket: rules(bucket)["superseded-versions"]["noncurrentVersionExpiration"] for bucket in BUCKETS}

    assert superseded == {
        "state": {"noncurrentDays": 90, "newerNoncurrentVersions": 20},
        "artifacts": {"noncurrentDays": 30},
        "build-cache": {"noncurrentDays": 1},
    }


def test_only_the_cache_forgets_current_objects() -> None:
    assert [bucket for bucket in BUCKETS if "expired-objects" in rules(bucket)] == ["build-cache"]
    assert rules("build-cache")["expired-objects"]["expiration"] == {"days": 30}


def test_the_state_bucket_and_its_guards_are_protected_and_retained() -> None:
    parts = [of for of in storage(protected=False).custom if of.parent == "state"]

    assert len(parts) == 7
    assert all(of.protect and of.retain_on_delete for of in parts)


@pytest.mark.parametrize("protected", [True, False])
def test_the_artifact_bucket_is_protected_unless_a_setting_says_otherwise(protected: bool) -> None:  # noqa: FBT001 — a table
    parts = [of for of in storage(protected=protected).custom if of.parent == "artifacts"]

    assert {of.protect for of in parts} == {protected}
    assert not any(of.retain_on_delete for of in parts)


def test_an_existing_state_bucket_is_adopted_as_it_is() -> None:
    bucket = storage(adopt="claudefs-old-state").one("Bucket", "state")

    assert bucket.import_id == bucket.inputs["bucket"] == "claudefs-old-state"
    assert bucket.ignore_changes == ("tags",)
    assert storage(adopt="claudefs-old-state").result == "claudefs-old-state"


def test_without_one_to_adopt_the_state_bucket_is_made() -> None:
    bucket = storage().one("Bucket", "state")

    assert (bucket.import_id, bucket.ignore_changes) == ("", ())
    assert bucket.inputs["bucket"] == f"claudefs-test-state-{ACCOUNT_ID}-us-west-2"
