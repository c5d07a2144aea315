"""Asks AWS by ID whether a resource still exists, and distinguishes absence from errors."""

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
"""Prefix of the types of a bucket and of its parts, such as versioning and policy, whose ID is the bucket's."""


@dataclass(frozen=True, kw_only=True)
class ResourcePresence:
    """AWS's answer about a resource.

    Attributes:
        verdict: `there`; `gone`; `renewable`: part of an existing bucket, which the next deployment puts again;
            `unclear`: AWS returned an error; `unasked`: this module has no call for the type.
        said: The answer for people.
    """

    verdict: Verdict
    said: str


def ask_presence(aws: AwsAccount, type_token: str, identifier: str) -> ResourcePresence:
    """Ask AWS whether a resource exists, by Pulumi's type and ID."""
    look = _find_look(type_token)
    if look is None:
        return ResourcePresence(verdict="unasked", said="AWS was not asked")
    try:
        is_there = look(aws, identifier)
    except AwsError as error:
        # A HEAD response has no body with an error code. Other codes: `InvalidVpcID.NotFound`, `NotFoundException`.
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
