"""S3 configurations of a state bucket, such as policy and versioning, as the stack declares them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cfs.aws import AwsError
from infra.storage.bucket_rules import STATE_LIFECYCLE, bucket_policy, lifecycle_rules

if TYPE_CHECKING:
    from cfs.aws import AwsAccount

_ABSENT_CODES = frozenset(
    {
        "NoSuchBucketPolicy",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "OwnershipControlsNotFoundError",
        "ServerSideEncryptionConfigurationNotFoundError",
    }
)


@dataclass(frozen=True, kw_only=True)
class BucketAspect:
    """One S3 configuration of a bucket.

    Attributes:
        name: Name for people.
        operation: Suffix of the operations `get_…` and `put_…`.
        argument: Argument of the put operation with the value.
        answer: Key of the value in the response of the get operation; "" if the whole response is the value.
        declared: Declared value.
    """

    name: str
    operation: str
    argument: str
    answer: str
    declared: Any  # the form of S3's own API

    def read(self, aws: AwsAccount, bucket: str) -> Any:
        """Return the bucket's current value, or None if there is none."""
        try:
            answer = aws.call_operation("s3", f"get_{self.operation}", Bucket=bucket)
        except AwsError as error:
            if error.code in _ABSENT_CODES:
                return None
            raise
        answer.pop("ResponseMetadata", None)
        if self.argument == "Policy":
            return json.loads(answer["Policy"])
        return answer[self.answer] if self.answer else answer

    def is_as_declared(self, aws: AwsAccount, bucket: str) -> bool:
        """Return whether the bucket has the declared value."""
        return _covers(self.read(aws, bucket), self.declared)

    def write(self, aws: AwsAccount, bucket: str) -> None:
        """Put the declared value."""
        value = json.dumps(self.declared) if self.argument == "Policy" else self.declared
        aws.call_operation("s3", f"put_{self.operation}", Bucket=bucket, **{self.argument: value})


def state_bucket_aspects(bucket: str, key_arn: str) -> list[BucketAspect]:
    """Return the configurations that the stack declares for its state bucket."""
    encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn}
    closed = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    return [
        BucketAspect(
            name="public access",
            operation="public_access_block",
            argument="PublicAccessBlockConfiguration",
            answer="PublicAccessBlockConfiguration",
            declared=dict.fromkeys(closed, True),
        ),
        BucketAspect(
            name="ownership",
            operation="bucket_ownership_controls",
            argument="OwnershipControls",
            answer="OwnershipControls",
            declared={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        ),
        BucketAspect(
            name="versioning",
            operation="bucket_versioning",
            argument="VersioningConfiguration",
            answer="",
            declared={"Status": "Enabled"},
        ),
        BucketAspect(
            name="encryption",
            operation="bucket_encryption",
            argument="ServerSideEncryptionConfiguration",
            answer="ServerSideEncryptionConfiguration",
            declared={"Rules": [{"ApplyServerSideEncryptionByDefault": encryption, "BucketKeyEnabled": True}]},
        ),
        BucketAspect(
            name="policy",
            operation="bucket_policy",
            argument="Policy",
            answer="Policy",
            declared=json.loads(bucket_policy(f"arn:aws:s3:::{bucket}", key_arn)),
        ),
        BucketAspect(
            name="lifecycle",
            operation="bucket_lifecycle_configuration",
            argument="LifecycleConfiguration",
            answer="",
            declared={"Rules": _in_api_form(lifecycle_rules(STATE_LIFECYCLE))},
        ),
    ]


def _covers(actual: Any, declared: Any) -> bool:
    """Return whether a value equals the declared one; AWS may add fields."""
    if isinstance(declared, dict):
        return isinstance(actual, dict) and all(_covers(actual.get(key), value) for key, value in declared.items())
    if isinstance(declared, list):
        return (
            isinstance(actual, list)
            and len(actual) == len(declared)
            and all(_covers(*pair) for pair in zip(actual, declared, strict=True))
        )
    return bool(actual == declared)


def _in_api_form(value: Any) -> Any:
    """Rename Pulumi's inputs as in S3's API: `noncurrent_days` becomes `NoncurrentDays`, `id` becomes `ID`."""
    if isinstance(value, list):
        return [_in_api_form(item) for item in value]
    if isinstance(value, dict):
        return {
            "ID" if key == "id" else key.title().replace("_", ""): _in_api_form(item) for key, item in value.items()
        }
    return value
