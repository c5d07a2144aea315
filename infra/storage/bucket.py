"""The stack's kind of bucket: private, encrypted with the stack's key, versioned, TLS only, with lifecycle rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import s3

from infra.component import Component
from infra.storage.bucket_rules import bucket_policy, lifecycle_rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.storage.bucket_rules import Lifecycle


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
