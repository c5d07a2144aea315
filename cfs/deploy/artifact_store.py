"""Objects of the artifact bucket, written only on a condition, so that no two writers overwrite each other.

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

_PIECE_BYTES = 2**20
"""Bytes read at once."""


class ConflictError(Exception):
    """The object is not as the condition says: somebody else has written it."""


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """An object as it was read.

    Attributes:
        body: Its content.
        etag: What a later write asks for.
    """

    body: bytes
    etag: str


class ArtifactStore:
    """The bucket of one environment."""

    def __init__(self, aws: AwsAccount, *, bucket: str) -> None:
        """Take the account and the bucket's name."""
        self._aws = aws
        self.bucket = bucket

    def read_object(self, key: str) -> StoredObject | None:
        """Read an object; None: there is none."""
        answer = self._get_object(key)
        if answer is None:
            return None
        with explain_aws_errors("s3", "get_object", Bucket=self.bucket, Key=key):
            return StoredObject(body=answer["Body"].read(), etag=answer["ETag"])

    def object_sha256(self, key: str) -> str | None:
        """Compute the SHA-256 sum of an object's content, piece by piece; None: there is none."""
        answer = self._get_object(key)
        if answer is None:
            return None
        digest = hashlib.sha256()
        with explain_aws_errors("s3", "get_object", Bucket=self.bucket, Key=key):
            for piece in answer["Body"].iter_chunks(_PIECE_BYTES):
                digest.update(piece)
        return digest.hexdigest()

    def create_object(self, key: str, body: bytes | IO[bytes]) -> str:
        """Write a new object and give its ETag.

        Raises:
            ConflictError: There is one of that key.
        """
        return self._put_conditionally(key, body, {"IfNoneMatch": "*"})

    def replace_object(self, key: str, body: bytes, *, etag: str | None) -> str:
        """Write an object that is still as it was read, and give its new ETag.

        Args:
            key: Its key.
            body: Its new content.
            etag: Of what was read; None: nothing was there.

        Raises:
            ConflictError: It has been written since.
        """
        try:
            return self._put_conditionally(key, body, {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag})
        except ConflictError:
            # The answer to our own write may have been lost, and boto3 has sent it once more.
            there = self.read_object(key)
            if there is not None and there.body == body:
                return there.etag
            raise

    def _get_object(self, key: str) -> dict[str, Any] | None:
        try:
            return self._aws.call_operation("s3", "get_object", Bucket=self.bucket, Key=key)
        except AwsError as error:
            if error.code in _ABSENT_CODES:
                return None
            raise

    def _put_conditionally(self, key: str, body: bytes | IO[bytes], condition: dict[str, str]) -> str:
        # S3 computes the checksum itself and refuses what was damaged on the way.
        request = {"Bucket": self.bucket, "Key": key, "Body": body, "ChecksumAlgorithm": "SHA256", **condition}
        try:
            return str(self._aws.call_operation("s3", "put_object", **request)["ETag"])
        except AwsError as error:
            if error.code in _CONFLICT_CODES or (error.code in _ABSENT_CODES and "IfMatch" in condition):
                raise ConflictError(key) from error
            raise


def find_artifact_store(aws: AwsAccount, environment: str) -> ArtifactStore:
    """Return an environment's artifact bucket, whose name holds the account and its region."""
    bucket = physical_name(S3_BUCKET, PROJECT_NAME, environment, "artifacts", aws.account_id(), aws.region)
    return ArtifactStore(aws, bucket=bucket)
