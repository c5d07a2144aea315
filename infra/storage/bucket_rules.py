"""Rules of the stack's buckets: their policy, and how long objects and versions stay."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi_aws import s3

UNFINISHED_UPLOAD_DAYS = 7
"""Days after which an incomplete multipart upload is aborted: its parts cost as much as objects but are not listed."""

MIN_EXPIRATION_DAYS = 1
"""S3's minimum, in days."""


@dataclass(frozen=True, kw_only=True)
class Lifecycle:
    """Lifecycle rules of a bucket.

    Attributes:
        superseded_days: Days after which noncurrent versions are deleted.
        superseded_kept: Number of noncurrent versions to keep regardless of age, or None.
        expire_days: Days after which current versions expire; None: never.
    """

    superseded_days: int
    superseded_kept: int | None = None
    expire_days: int | None = None


STATE_LIFECYCLE = Lifecycle(superseded_days=90, superseded_kept=20)
"""A mistake in the state should be noticed within a quarter; the last 20 versions are kept regardless of age."""

ARTIFACT_LIFECYCLE = Lifecycle(superseded_days=30)
"""Releases do not expire; an overwritten or deleted one can be restored for 30 days."""

BUILD_CACHE_LIFECYCLE = Lifecycle(superseded_days=MIN_EXPIRATION_DAYS, expire_days=30)
"""Cache entries expire 30 days after they were written; after that they are rarely worth their storage."""


def lifecycle_rules(lifecycle: Lifecycle) -> list[s3.BucketLifecycleConfigurationRuleArgsDict]:
    """Return the lifecycle rules; each applies to the whole bucket."""
    superseded: s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgsDict = {
        "noncurrent_days": lifecycle.superseded_days
    }
    if lifecycle.superseded_kept is not None:
        superseded["newer_noncurrent_versions"] = lifecycle.superseded_kept
    rules: list[s3.BucketLifecycleConfigurationRuleArgsDict] = [
        {
            "id": "superseded-versions",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "noncurrent_version_expiration": superseded,
        },
        {
            "id": "unfinished-uploads",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "abort_incomplete_multipart_upload": {"days_after_initiation": UNFINISHED_UPLOAD_DAYS},
        },
    ]
    if lifecycle.expire_days is not None:
        rules.append(
            {
                "id": "expired-objects",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "expiration": {"days": lifecycle.expire_days},
            }
        )
    return rules


def bucket_policy(bucket_arn: str, key_arn: str) -> str:
    """Return a policy that denies requests without TLS, and uploads that ask for any other encryption.

    Uploads that name no encryption get the bucket's default: the statements apply only if the header is present
    (`Null` is false).
    """
    encryption = "s3:x-amz-server-side-encryption"
    key_id = f"{encryption}-aws-kms-key-id"
    statements = [
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [bucket_arn, f"{bucket_arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {
            "Sid": "NoOtherEncryption",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": f"{bucket_arn}/*",
            "Condition": {"Null": {encryption: "false"}, "StringNotEquals": {encryption: "aws:kms"}},
        },
        {
            "Sid": "NoOtherKey",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": f"{bucket_arn}/*",
            "Condition": {"Null": {key_id: "false"}, "StringNotEquals": {key_id: key_arn}},
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
