"""Objects of the artifact bucket, written only on a condition, so that no two writers overwrite each other.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_random_exponential

from cfs.aws import error_code
from cfs.deploy.aws import explain_aws_errors

if TYPE_CHECKING:
    from typing import IO

_ABSENT_CODES = frozenset({"NoSuchKey", "404"})
_CONFLICT_CODES = frozenset({"PreconditionFailed", "412"})
_CONCURRENT_CODES = frozenset({"ConditionalRequestConflict", "409", "OperationAborted"})
"""Another write of the same key was under way: S3 asks to try again."""


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

    def __init__(self, s3: Any, *, bucket: str) -> None:
        """Take boto3's client and the bucket's name."""
        self._s3 = s3
        self.bucket = bucket

    def read_object(self, key: str) -> StoredObject | None:
        """Read an object; None: there is none."""
        with explain_aws_errors(f"read s3://{self.bucket}/{key}"):
            try:
                answer = self._s3.get_object(Bucket=self.bucket, Key=key)
                return StoredObject(body=answer["Body"].read(), etag=answer["ETag"])
            except ClientError as error:
                if error_code(error) in _ABSENT_CODES:
                    return None
                raise

    def object_sha256(self, key: str) -> str | None:
        """Compute the SHA-256 sum of an object's content, piece by piece; None: there is none."""
        with explain_aws_errors(f"read s3://{self.bucket}/{key}"):
            try:
                body = self._s3.get_object(Bucket=self.bucket, Key=key)["Body"]
            except ClientError as error:
                if error_code(error) in _ABSENT_CODES:
                    return None
                raise
            digest = hashlib.sha256()
            for piece in body.iter_chunks(_PIECE_BYTES):
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

    def _put_conditionally(self, key: str, body: bytes | IO[bytes], condition: dict[str, str]) -> str:
        # S3 computes the checksum itself and refuses what was damaged on the way.
        request = {"Bucket": self.bucket, "Key": key, "Body": body, "ChecksumAlgorithm": "SHA256", **condition}
        with explain_aws_errors(f"write s3://{self.bucket}/{key}"):
            try:
                return _put_object(self._s3, request)
            except ClientError as error:
                if error_code(error) in _CONFLICT_CODES or (
                    error_code(error) in _ABSENT_CODES and "IfMatch" in condition
                ):
                    raise ConflictError(key) from error
                raise


def _is_concurrent(error: BaseException) -> bool:
    return isinstance(error, ClientError) and error_code(error) in _CONCURRENT_CODES


@retry(
    stop=stop_after_attempt(5),
    wait=wait_random_exponential(multiplier=0.1, max=5),
    retry=retry_if_exception(_is_concurrent),
    reraise=True,
)
def _put_object(s3: Any, request: dict[str, Any]) -> str:
    body = request["Body"]
    if not isinstance(body, bytes):
        body.seek(0)
    return str(s3.put_object(**request)["ETag"])
