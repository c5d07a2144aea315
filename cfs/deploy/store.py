"""Objects of the artifact bucket, written only on a condition, so that no two writers overwrite each other.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_random_exponential

from cfs.aws import code
from cfs.deploy.aws import asking

if TYPE_CHECKING:
    from typing import IO

_ABSENT = frozenset({"NoSuchKey", "404"})
_CONFLICT = frozenset({"PreconditionFailed", "412"})
_CONCURRENT = frozenset({"ConditionalRequestConflict", "409", "OperationAborted"})
"""Another write of the same key was under way: S3 asks to try again."""


_PIECE = 2**20
"""Bytes read at once."""


class ConflictError(Exception):
    """The object is not as the condition says: somebody else has written it."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An object as it was read.

    Attributes:
        body: Its content.
        etag: What a later write asks for.
    """

    body: bytes
    etag: str


class Store:
    """The bucket of one environment."""

    def __init__(self, s3: Any, *, bucket: str) -> None:
        """Take boto3's client and the bucket's name."""
        self._s3 = s3
        self.bucket = bucket

    def read(self, key: str) -> Stored | None:
        """Read an object; None: there is none.

        Raises:
            UserError: S3 refuses or does not answer.
        """
        with asking(f"read s3://{self.bucket}/{key}"):
            try:
                answer = self._s3.get_object(Bucket=self.bucket, Key=key)
                return Stored(body=answer["Body"].read(), etag=answer["ETag"])
            except ClientError as error:
                if code(error) in _ABSENT:
                    return None
                raise

    def sum_of(self, key: str) -> str | None:
        """Compute the SHA-256 sum of an object's content, piece by piece; None: there is none.

        Raises:
            UserError: S3 refuses or does not answer.
        """
        with asking(f"read s3://{self.bucket}/{key}"):
            try:
                body = self._s3.get_object(Bucket=self.bucket, Key=key)["Body"]
            except ClientError as error:
                if code(error) in _ABSENT:
                    return None
                raise
            digest = hashlib.sha256()
            for piece in body.iter_chunks(_PIECE):
                digest.update(piece)
        return digest.hexdigest()

    def create(self, key: str, body: bytes | IO[bytes]) -> str:
        """Write a new object and give its ETag.

        Raises:
            ConflictError: There is one of that key.
            UserError: S3 refuses or does not answer.
        """
        return self._put(key, body, {"IfNoneMatch": "*"})

    def replace(self, key: str, body: bytes, *, etag: str | None) -> str:
        """Write an object that is still as it was read, and give its new ETag.

        Args:
            key: Its key.
            body: Its new content.
            etag: Of what was read; None: nothing was there.

        Raises:
            ConflictError: It has been written since.
            UserError: S3 refuses or does not answer.
        """
        try:
            return self._put(key, body, {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag})
        except ConflictError:
            # The answer to our own write may have been lost, and boto3 has sent it once more.
            there = self.read(key)
            if there is not None and there.body == body:
                return there.etag
            raise

    def _put(self, key: str, body: bytes | IO[bytes], condition: dict[str, str]) -> str:
        # S3 computes the checksum itself and refuses what was damaged on the way.
        request = {"Bucket": self.bucket, "Key": key, "Body": body, "ChecksumAlgorithm": "SHA256", **condition}
        with asking(f"write s3://{self.bucket}/{key}"):
            try:
                return _put_object(self._s3, request)
            except ClientError as error:
                if code(error) in _CONFLICT or (code(error) in _ABSENT and "IfMatch" in condition):
                    raise ConflictError(key) from error
                raise


def _is_concurrent(error: BaseException) -> bool:
    return isinstance(error, ClientError) and code(error) in _CONCURRENT


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
