"""What `destroy` removes and what it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.stacks import name_of, type_of

if TYPE_CHECKING:
    from tests.e2e.conftest import Destroyed

PROTECTED = {
    ("Bucket", "state"),
    ("BucketLifecycleConfiguration", "state-lifecycle"),
    ("BucketOwnershipControls", "state-ownership"),
    ("BucketPolicy", "state-policy"),
    ("BucketPublicAccessBlock", "state-public-access"),
    ("BucketServerSideEncryptionConfiguration", "state-encryption"),
    ("BucketVersioning", "state-versioning"),
    ("Key", "encryption"),
}
"""What `destroy --exclude-protected` leaves: the state, and the key that it is encrypted with."""


def test_destroy_leaves_nothing_but_what_is_protected(destroyed: Destroyed) -> None:
    stack = destroyed.stack
    running = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopped"]}]
    assert stack.client("ec2").describe_instances(Filters=running)["Reservations"] == []
    left = stack.find_tagged()
    assert {found.id for found in left} == {destroyed.state_bucket, destroyed.key_id}
    assert stack.client("s3").get_bucket_versioning(Bucket=destroyed.state_bucket)["Status"] == "Enabled"
    recorded = {(type_of(urn), name_of(urn)) for urn in stack.ids() if "::pulumi:providers:" not in urn}
    assert recorded == PROTECTED
