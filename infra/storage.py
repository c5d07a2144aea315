"""Buckets: the stack's state and ClaudeFS's build artifacts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import s3

from infra.component import Component
from infra.naming import S3_BUCKET, physical_name
from infra.tags import PROJECT

if TYPE_CHECKING:
    from infra.tags import Role, Tags


@dataclass(frozen=True, kw_only=True)
class StorageArgs:
    """What the buckets are made from.

    Attributes:
        account_id: The AWS account; bucket names are unique among all accounts, so it is part of them.
        region: Likewise.
        tags: The stack's tags.
        artifacts_protected: Whether Pulumi refuses to delete or replace the artifact bucket.
    """

    account_id: pulumi.Output[str]
    region: pulumi.Output[str]
    tags: Tags
    artifacts_protected: bool


class Storage(Component):
    """The state bucket, which nothing here deletes, and the artifact bucket.

    Attributes:
        state_bucket: Name of the bucket that holds Pulumi's state.
        artifact_bucket: Name of the bucket that holds releases.
        artifact_bucket_arn: Its ARN.
    """

    state_bucket: pulumi.Output[str]
    artifact_bucket: pulumi.Output[str]
    artifact_bucket_arn: pulumi.Output[str]

    def __init__(self, name: str, *, args: StorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the buckets."""
        super().__init__(name, opts=opts)
        state = self._private_bucket(
            "state", args=args, role="state", opts=self.child(protect=True, retain_on_delete=True)
        )
        artifacts = self._private_bucket(
            "artifacts", args=args, role="artifacts", opts=self.child(protect=args.artifacts_protected)
        )
        self.state_bucket = state.bucket
        self.artifact_bucket = artifacts.bucket
        self.artifact_bucket_arn = artifacts.arn
        self.register_outputs({"stateBucket": self.state_bucket, "artifactBucket": self.artifact_bucket})

    def _private_bucket(
        self, purpose: str, *, args: StorageArgs, role: Role, opts: pulumi.ResourceOptions
    ) -> s3.Bucket:
        bucket = s3.Bucket(
            purpose,
            bucket=pulumi.Output.all(args.account_id, args.region).apply(
                lambda place: physical_name(S3_BUCKET, PROJECT, args.tags.environment, purpose, *place)
            ),
            tags=args.tags.of(purpose, role=role),
            opts=opts,
        )
        s3.BucketPublicAccessBlock(
            f"{purpose}-public-access",
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=opts,
        )
        s3.BucketVersioning(
            f"{purpose}-versioning",
            bucket=bucket.id,
            versioning_configuration={"status": "Enabled"},
            opts=opts,
        )
        s3.BucketPolicy(f"{purpose}-policy", bucket=bucket.id, policy=bucket.arn.apply(_tls_only), opts=opts)
        return bucket


def _tls_only(bucket_arn: str) -> str:
    statement = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket_arn, f"{bucket_arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
