"""The stack's kind of bucket: private, encrypted with the stack's key, versioned, TLS only, with lifecycle rules."""

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


@dataclass(frozen=True, kw_only=True)
class PrivateBucketArgs:
    """Inputs of the bucket.

    Attributes:
        name: Name of the bucket.
        adopted_bucket: The same name if the stack adopts an existing bucket, otherwise "".
        key_arn: ARN of the KMS key that encrypts its objects.
        lifecycle: Lifecycle rules.
        protected: Whether Pulumi refuses to delete or replace the bucket.
        retain_on_delete: Whether the bucket stays in the account when it is removed from the stack.
        tags: Tags of the bucket; an adopted bucket keeps its own tags.
    """

    name: pulumi.Output[str]
    adopted_bucket: str
    key_arn: pulumi.Output[str]
    lifecycle: Lifecycle
    protected: bool
    retain_on_delete: bool
    tags: Mapping[str, str]


class PrivateBucket(Component):
    """The bucket and its separate configuration resources, which are protected and retained with it.

    Attributes:
        bucket: Name of the bucket.
        arn: ARN of the bucket.
    """

    bucket: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, *, args: PrivateBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the bucket."""
        super().__init__(name, opts=opts)
        # Never force_destroy, so no mistake can delete a bucket that contains objects.
        bucket = s3.Bucket(
            name,
            bucket=args.name,
            tags=args.tags,
            opts=self.child_options(
                protect=args.protected,
                retain_on_delete=args.retain_on_delete,
                import_=args.adopted_bucket or None,
                # Pulumi imports a resource only if its declaration matches its actual state.
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
                    # A bucket key serves many objects, which saves nearly all KMS requests.
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
            # A dependency on the versioning: the rules for versions need it.
            bucket=versioning.bucket,
            rules=lifecycle_rules(lifecycle),
            opts=self._options,
        )


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
