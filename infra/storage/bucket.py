"""A bucket as every one here is: private, encrypted with the stack's key, versioned, reached over TLS, cleaned up."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import s3

from infra.component import Component

if TYPE_CHECKING:
    from collections.abc import Mapping

UNFINISHED_UPLOAD_DAYS = 7
"""Parts of an upload that nobody finished cost as much as objects and are listed nowhere."""

MIN_EXPIRATION_DAYS = 1
"""The least that S3 offers."""


@dataclass(frozen=True, kw_only=True)
class Lifecycle:
    """Lifecycle rules of a bucket.

    Attributes:
        superseded_days: Versions that are no longer current, so long after they were superseded.
        superseded_kept: How many of them stay however old they are.
        expire_days: Current versions, so long after they were written; None: never.
    """

    superseded_days: int
    superseded_kept: int | None = None
    expire_days: int | None = None


@dataclass(frozen=True, kw_only=True)
class PrivateBucketArgs:
    """Inputs of the bucket.

    Attributes:
        name: Its name.
        adopted_bucket: The same name, if the bucket exists already and is to be taken into the stack; else "".
        key_arn: The KMS key that encrypts its objects.
        lifecycle: When S3 deletes what.
        protected: Whether Pulumi refuses to delete or replace it.
        retain_on_delete: Whether it stays in the account even when it leaves the stack.
        tags: Its tags; an adopted bucket keeps those that it has.
    """

    name: pulumi.Output[str]
    adopted_bucket: str
    key_arn: pulumi.Output[str]
    lifecycle: Lifecycle
    protected: bool
    retain_on_delete: bool
    tags: Mapping[str, str]


class PrivateBucket(Component):
    """The bucket and all that S3 configures apart from it, which is protected and retained together with it.

    Attributes:
        bucket: Its name.
        arn: Its ARN.
    """

    bucket: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, *, args: PrivateBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the bucket."""
        super().__init__(name, opts=opts)
        # Never force_destroy: a bucket with objects in it is not deleted, by whatever mistake.
        bucket = s3.Bucket(
            name,
            bucket=args.name,
            tags=args.tags,
            opts=self.child_options(
                protect=args.protected,
                retain_on_delete=args.retain_on_delete,
                import_=args.adopted_bucket or None,
                # Pulumi adopts only what is declared exactly as it is.
                ignore_changes=["tags"] if args.adopted_bucket else [],
            ),
        )
        self._name = name
        self._options = self.child_options(protect=args.protected, retain_on_delete=args.retain_on_delete)
        self._block_public_access(bucket)
        self._enforce_encryption(bucket, key_arn=args.key_arn)
        self._keep_versions(bucket, lifecycle=args.lifecycle)
        self.bucket = bucket.bucket
        self.arn = bucket.arn
        self.register_declared_outputs()

    def _block_public_access(self, bucket: s3.Bucket) -> None:
        s3.BucketPublicAccessBlock(
            f"{self._name}-public-access",
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._options,
        )
        s3.BucketOwnershipControls(
            f"{self._name}-ownership",
            bucket=bucket.id,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=self._options,
        )

    def _enforce_encryption(self, bucket: s3.Bucket, *, key_arn: pulumi.Output[str]) -> None:
        s3.BucketServerSideEncryptionConfiguration(
            f"{self._name}-encryption",
            bucket=bucket.id,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms",
                        "kms_master_key_id": key_arn,
                    },
                    # One data key serves many objects: next to no KMS requests.
                    "bucket_key_enabled": True,
                }
            ],
            opts=self._options,
        )
        s3.BucketPolicy(
            f"{self._name}-policy",
            bucket=bucket.id,
            policy=pulumi.Output.all(bucket.arn, key_arn).apply(lambda arns: bucket_policy(*arns)),
            opts=self._options,
        )

    def _keep_versions(self, bucket: s3.Bucket, *, lifecycle: Lifecycle) -> None:
        versioning = s3.BucketVersioning(
            f"{self._name}-versioning",
            bucket=bucket.id,
            versioning_configuration={"status": "Enabled"},
            opts=self._options,
        )
        s3.BucketLifecycleConfiguration(
            f"{self._name}-lifecycle",
            # Through the versioning, so that rules for versions come when there are such.
            bucket=versioning.bucket,
            rules=lifecycle_rules(lifecycle),
            opts=self._options,
        )


def lifecycle_rules(lifecycle: Lifecycle) -> list[s3.BucketLifecycleConfigurationRuleArgsDict]:
    """Return the rules of a lifecycle; each is for the whole bucket."""
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
    """Refuse whatever comes without TLS, and objects that their writer wants encrypted in any other way.

    A writer that asks for nothing gets the bucket's own encryption: only what is there (`Null` is false) is judged.
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
