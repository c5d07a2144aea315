"""The bucket of an environment's state: created as the stack will declare it, or adopted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cfs.aws import AwsError
from cfs.bootstrap.bucket_aspects import state_bucket_aspects
from cfs.bootstrap.state_key import IDENTIFYING_TAGS, is_tagged_as
from cfs.bootstrap.steps import Step
from cfs.recovery.state_versions import checkpoint_path
from infra.naming import CONFIG_NAMESPACE
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cfs.aws import AwsAccount
    from cfs.bootstrap.bucket_aspects import BucketAspect
    from infra.scope import Scope
    from infra.tags import ResourceRole, Tags

DEFAULT_REGION = "us-east-1"
"""Region in which S3 creates a bucket without a LocationConstraint; S3 refuses it as a LocationConstraint:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucketConfiguration.html"""

_MOST_DELETED = 1000
"""Maximum number of objects per DeleteObjects."""


@dataclass(frozen=True, kw_only=True)
class EnvironmentBucket:
    """A bucket of one environment.

    Attributes:
        aws: The account.
        scope: The environment in the account.
        tags: The stack's tags.
        role: Purpose of the bucket.
        adopted: Name of an adopted bucket; "" for the stack's own bucket.
    """

    aws: AwsAccount
    scope: Scope
    tags: Tags
    role: ResourceRole = "state"
    adopted: str = ""

    @property
    def name(self) -> str:
        """The bucket's name."""
        return self.adopted or self.scope.bucket_name(self.role)

    @property
    def backend_url(self) -> str:
        """URL of the backend in the bucket, as jobs use it."""
        return f"s3://{self.name}?region={self.scope.region}&awssdk=v2"

    def steps(self, key_arn: Callable[[], str]) -> list[Step]:
        """Return the steps that create the state bucket; an adopted bucket is left unchanged.

        Args:
            key_arn: Returns the ARN of the key that encrypts the bucket, or "" if there is none yet.
        """
        return [
            Step(title=f"Create the bucket {self.name}", is_done=self.exists, run=self._create_bucket),
            Step(
                title="Encrypt and version it, close it to the public and to requests without TLS",
                is_done=lambda: self.exists() and not (self.is_own() and self.differing_aspects(key_arn())),
                run=lambda: self._write_aspects(key_arn()),
            ),
        ]

    def exists(self) -> bool:
        """Return whether the bucket exists; refuse a bucket of another account or region, or one that is not ours."""
        owner = self.scope.account_id
        try:
            found = self.aws.call_operation("s3", "head_bucket", Bucket=self.name, ExpectedBucketOwner=owner)
        except AwsError as error:
            if error.code == "404":
                return False
            raise UserError(
                f"The bucket {self.name} is not the account {owner}'s, or you may not read it: AWS answers "
                f"{error.code}.",
                repair=f"sign in to its account (`aws sts get-caller-identity`), ask for permission to use "
                f"s3:ListBucket on it, or name another in Pulumi.{self.scope.environment}.yaml (adoptStateBucket)",
            ) from error
        region = found.get("BucketRegion") or self.scope.region
        if region != self.scope.region:
            raise UserError(
                f"The bucket {self.name} is in {region}, the stack in {self.scope.region}.",
                repair=f"set aws:region of Pulumi.{self.scope.environment}.yaml to {region}, or use a bucket of the "
                "stack's region",
            )
        if not self.adopted and not self.is_own():
            declared = {name: self._declared_tags()[name] for name in IDENTIFYING_TAGS}
            raise UserError(
                f"The bucket {self.name} does not have the tags {declared}: this project has not created it.",
                repair=f"to keep the state in it anyway: "
                f"cfs bootstrap --environment {self.scope.environment} --adopt {self.name}",
            )
        return True

    def is_own(self) -> bool:
        """Return whether the bucket has the environment's tags."""
        try:
            tags = self.aws.call_operation("s3", "get_bucket_tagging", Bucket=self.name)["TagSet"]
        except AwsError as error:
            if error.code == "NoSuchTagSet":
                return False
            raise
        return is_tagged_as({tag["Key"]: tag["Value"] for tag in tags}, self._declared_tags())

    def differing_aspects(self, key_arn: str) -> list[BucketAspect]:
        """Return the configurations that differ from the stack's declaration."""
        aspects = state_bucket_aspects(self.name, key_arn)
        return [aspect for aspect in aspects if not aspect.is_as_declared(self.aws, self.name)]

    def describe_changes(self) -> list[str]:
        """Describe the changes that the stack's first deployment makes to an adopted bucket: old and new values.

        A bucket that grants rights to others by its ACL is refused, as S3 would refuse the change of its ownership:
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-ownership-migrating-acls-prerequisites.html
        """
        self._refuse_foreign_grants()
        return [
            f"{aspect.name}: {json.dumps(aspect.read(self.aws, self.name))} becomes {json.dumps(aspect.declared)}"
            for aspect in self.differing_aspects("(the stack's key)")
        ]

    def state_documents(self, stack: str) -> list[str]:
        """Return the keys of the objects that hold a stack's state: one or none, compressed or not."""
        prefix = checkpoint_path(stack)
        listed = self.aws.list_items("s3", "list_objects_v2", "Contents", Bucket=self.name, Prefix=prefix)
        return [str(item["Key"]) for item in listed if not item["Key"].endswith((".bak", ".attrs"))]

    def other_objects(self, stack: str) -> list[str]:
        """Return the keys of objects that do not belong to a stack's state, including deleted objects."""
        own = (
            ".pulumi/meta.yaml",
            *(f".pulumi/{folder}/{CONFIG_NAMESPACE}/{stack}/" for folder in ("history", "backups")),
            f".pulumi/stacks/{CONFIG_NAMESPACE}/{stack}.",
            f".pulumi/locks/organization/{CONFIG_NAMESPACE}/{stack}/",
        )
        return sorted(
            {
                version["Key"]
                for version in list_object_versions(self.aws, self.name)
                if not version["Key"].startswith(own)
            }
        )

    def empty(self) -> None:
        """Delete all versions of all objects."""
        delete_all_versions(self.aws, self.name)

    def holds_objects(self) -> bool:
        """Return whether the bucket has any version of any object."""
        return bool(list_object_versions(self.aws, self.name))

    def delete(self) -> None:
        """Empty and delete the bucket."""
        self.empty()
        self.aws.call_operation("s3", "delete_bucket", Bucket=self.name)

    def _refuse_foreign_grants(self) -> None:
        acl = self.aws.call_operation("s3", "get_bucket_acl", Bucket=self.name)
        grantees = [grant["Grantee"] for grant in acl["Grants"] if grant["Grantee"].get("ID") != acl["Owner"]["ID"]]
        if grantees:
            names = sorted({grantee.get("URI") or grantee.get("ID", "") for grantee in grantees})
            raise UserError(
                f"The ACL of the bucket {self.name} grants rights to {', '.join(names)}; S3 does not disable it.",
                repair="if they need these rights, grant them by the bucket's policy; then: "
                f"aws s3api put-bucket-acl --bucket {self.name} --acl private",
            )

    def _write_aspects(self, key_arn: str) -> None:
        for aspect in self.differing_aspects(key_arn):
            aspect.write(self.aws, self.name)

    def _declared_tags(self) -> dict[str, str]:
        return self.tags.for_resource(self.role, role=self.role)

    def _create_bucket(self) -> None:
        if self.adopted not in ("", self.scope.bucket_name(self.role)):
            raise UserError(
                f"There is no bucket {self.adopted}.",
                repair=f"correct its name, or `pulumi config rm adoptStateBucket --stack {self.scope.environment}`",
            )
        place = {} if self.scope.region == DEFAULT_REGION else {"LocationConstraint": self.scope.region}
        tags = [{"Key": name, "Value": value} for name, value in self._declared_tags().items()]
        # Created with its tags, so a command that was interrupted recognizes its bucket.
        self.aws.call_operation(
            "s3", "create_bucket", Bucket=self.name, CreateBucketConfiguration={**place, "Tags": tags}
        )


def list_object_versions(aws: AwsAccount, bucket: str) -> list[dict[str, Any]]:
    """Return `Key` and `VersionId` of all versions and marks of deletions in a bucket."""
    path = "[Versions, DeleteMarkers][][].{Key: Key, VersionId: VersionId}"
    return list(aws.list_items("s3", "list_object_versions", path, Bucket=bucket))


def delete_all_versions(aws: AwsAccount, bucket: str) -> None:
    """Delete all versions of all objects in a bucket."""
    versions = list_object_versions(aws, bucket)
    for start in range(0, len(versions), _MOST_DELETED):
        batch = versions[start:][:_MOST_DELETED]
        answer = aws.call_operation("s3", "delete_objects", Bucket=bucket, Delete={"Objects": batch})
        if errors := answer.get("Errors"):
            raise UserError(
                f"S3 did not delete {errors[0]['Key']} of {bucket}: {errors[0]['Message']}.",
                repair="ask for permission to use s3:DeleteObjectVersion, and run the same command again",
            )
