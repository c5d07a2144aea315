"""Whether AWS still has a resource, asked by its id: an answer that says no is told from none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cfs.aws import AwsError
from cfs.recovery.tagged_resources import LISTINGS, is_gone
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cfs.aws import AwsAccount

Verdict = Literal["there", "renewable", "gone", "unclear", "unasked"]

_BUCKET = "aws:s3/bucket:Bucket"
_BUCKET_PARTS = "aws:s3/bucket"
"""Beginning of the types of a bucket and of its versioning, policy and so on, which have the bucket's id."""


@dataclass(frozen=True, kw_only=True)
class ResourcePresence:
    """What AWS says of a resource.

    Attributes:
        verdict: Whether it is there; `renewable` for part of a bucket that is there, which the next deployment puts
            again; `unclear` where AWS gave an error; `unasked` where this module cannot ask.
        said: The same for people.
    """

    verdict: Verdict
    said: str


def ask_presence(aws: AwsAccount, type_token: str, identifier: str) -> ResourcePresence:
    """Ask an account for a resource by Pulumi's type and id."""
    look = _find_look(type_token)
    if look is None:
        return ResourcePresence(verdict="unasked", said="AWS was not asked")
    try:
        is_there = look(aws, identifier)
    except AwsError as error:
        # HEAD has no body that could name the error; others name it `InvalidVpcID.NotFound`, `NotFoundException`.
        if error.code in ("404", "NoSuchBucket") or "NotFound" in error.code:
            return _GONE
        return ResourcePresence(verdict="unclear", said=error.problem)
    except UserError as error:
        return ResourcePresence(verdict="unclear", said=error.problem)
    if is_there and type_token != _BUCKET and type_token.startswith(_BUCKET_PARTS):
        return ResourcePresence(verdict="renewable", said="AWS has its bucket")
    return _THERE if is_there else _GONE


_THERE = ResourcePresence(verdict="there", said="AWS has it")
_GONE = ResourcePresence(verdict="gone", said="AWS says that it is gone")


def _find_look(type_token: str) -> Callable[[AwsAccount, str], bool] | None:
    if type_token.startswith(_BUCKET_PARTS):
        return _has_bucket
    listing = next((listing for listing in LISTINGS if listing.type == type_token), None)
    if listing is None or listing.service not in ("ec2", "kms"):
        return None
    if listing.service == "kms":
        return lambda aws, identifier: not is_gone(aws, listing, {"KeyId": identifier})

    def has_ec2_resource(aws: AwsAccount, identifier: str) -> bool:
        found = aws.list_items("ec2", listing.operation, listing.path, **{f"{listing.id}s": [identifier]})
        return any(not is_gone(aws, listing, resource) for resource in found)

    return has_ec2_resource


def _has_bucket(aws: AwsAccount, identifier: str) -> bool:
    aws.call_operation("s3", "head_bucket", Bucket=identifier)
    return True
