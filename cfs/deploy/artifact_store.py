"""Objects in the artifact bucket. Writes are conditional, so writers never overwrite each other.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cfs.aws import AwsAccount, AwsError, explain_aws_errors
from infra.naming import S3_BUCKET, physical_name
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from typing import IO

_ABSENT_CODES = frozenset({"NoSuchKey", "404"})
_CONFLICT_CODES = frozenset({"PreconditionFailed", "412"})

_CHUNK_BYTES = 2**20


class ConflictError(Exception):
    """A conditional write failed because somebody else has written the object."""


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """An object's content, and its ETag as the condition of a later write."""

    body: bytes
    etag: str


class ArtifactStore:
    """The bucket of one environment."""

    def __init__(self, aws: AwsAccount, *, bucket: str) -> None:
        """Take the account and the bucket's name."""
        self._aws = aws
        self.bucket = bucket

    def read_object(self, key: str) -> StoredObject | None:
        """Return an object, or None if there is none."""
        answer = self._get_object(key)
        if answer is None:
            return None
        with explain_aws_errors("s3", "get_object", Bucket=self.bucket, Key=key):
            return StoredObject(body=answer["Body"].read(), etag=answer["ETag"])

    def object_sha256(self, key: str) -> str | None:
        """Return the SHA-256 sum of an object's content, or None if there is none."""
        answer = self._get_object(key)
        if answer is None:
            return None
        digest = hashlib.sha256()
        with explain_aws_errors("s3", "get_object", Bucket=self.bucket, Key=key):
            for chunk in answer["Body"].iter_chunks(_CHUNK_BYTES):
                digest.update(chunk)
        return digest.hexdigest()

    def create_object(self, key: str, body: bytes | IO[bytes]) -> str:
        """Create an object and return its ETag.

        Raises:
            ConflictError: The key exists.
        """
        return self._put_conditionally(key, body, {"IfNoneMatch": "*"})

    def replace_object(self, key: str, body: bytes, *, etag: str | None) -> str:
        """Replace an object if it still has the ETag (None: if it does not exist), and return the new ETag.

        Raises:
            ConflictError: Somebody else has written the object.
        """
        try:
            return self._put_conditionally(key, body, {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag})
        except ConflictError:
            # Our own write may have succeeded: boto3 retries a write whose response was lost.
            stored = self.read_object(key)
            if stored is not None and stored.body == body:
                return stored.etag
            raise

    def _get_object(self, key: str) -> dict[str, Any] | None:
        try:
            return self._aws.call_operation("s3", "get_object", Bucket=self.bucket, Key=key)
        except AwsError as error:
            if error.code in _ABSENT_CODES:
                return None
            raise

    def _put_conditionally(self, key: str, body: bytes | IO[bytes], condition: dict[str, str]) -> str:
        # S3 verifies the checksum and refuses a body that was damaged in transit.
        request = {"Bucket": self.bucket, "Key": key, "Body": body, "ChecksumAlgorithm": "SHA256", **condition}
        try:
            return str(self._aws.call_operation("s3", "put_object", **request)["ETag"])
        except AwsError as error:
            if error.code in _CONFLICT_CODES or (error.code in _ABSENT_CODES and "IfMatch" in condition):
                raise ConflictError(key) from error
            raise


def find_artifact_store(aws: AwsAccount, environment: str) -> ArtifactStore:
    """Return an environment's artifact bucket, whose name contains the account and the region."""
    bucket = physical_name(S3_BUCKET, PROJECT_NAME, environment, "artifacts", aws.account_id(), aws.region)
    return ArtifactStore(aws, bucket=bucket)
