"""EC2's request limits: each action has a bucket of tokens, one for each request, that is refilled every second.

Sizes and rates: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html. Of the other services that the
stack uses, AWS publishes no figures.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, kw_only=True)
class BucketSize:
    """Size of an action's bucket.

    Attributes:
        capacity: Tokens in a full bucket.
        refill: Tokens that are added each second.
    """

    capacity: float
    refill: float


READING = BucketSize(capacity=100, refill=20)
READING_EVERYTHING = BucketSize(capacity=50, refill=10)
"""Of some actions, if a request has neither a filter nor a page size."""

CHANGING = BucketSize(capacity=50, refill=5)

_READING_PREFIXES = ("Describe", "Get", "List", "Search")
_LISTS = frozenset(
    {
        "DescribeInstanceStatus",
        "DescribeInstances",
        "DescribeNetworkInterfaces",
        "DescribeSecurityGroups",
        "DescribeSnapshots",
        "DescribeSpotInstanceRequests",
        "DescribeVolumes",
    }
)
_OWN_SIZES: Mapping[str, BucketSize] = {
    **dict.fromkeys(("CreateTags", "DeleteTags"), BucketSize(capacity=100, refill=10)),
    **dict.fromkeys(
        (
            "AssociateIamInstanceProfile",
            "CreateLaunchTemplateVersion",
            "CreateNetworkInterface",
            "CreateVolume",
            "DeleteNetworkInterface",
            "DeleteVolume",
            "DisassociateIamInstanceProfile",
            "ModifyInstanceMetadataOptions",
            "ModifyLaunchTemplate",
            "ModifyNetworkInterfaceAttribute",
            "TerminateInstances",
        ),
        BucketSize(capacity=100, refill=5),
    ),
    **dict.fromkeys(("CreateNatGateway", "DeleteNatGateway"), BucketSize(capacity=10, refill=1)),
    **dict.fromkeys(
        ("CreateVpcEndpoint", "DeleteVpcEndpoints", "ModifyVpcEndpoint"), BucketSize(capacity=4, refill=0.3)
    ),
    **dict.fromkeys(("RunInstances", "StartInstances"), BucketSize(capacity=5, refill=2)),
}
"""Actions with sizes of their own, of those that deployments and operators of the stack call."""


def bucket_size(action: str, *, is_selective: bool) -> BucketSize:
    """Return the size of an action's bucket.

    Args:
        action: The action, such as `DescribeVpcs`.
        is_selective: Whether the request has a filter or a page size.
    """
    if action in _LISTS and not is_selective:
        return READING_EVERYTHING
    return _OWN_SIZES.get(action) or (READING if action.startswith(_READING_PREFIXES) else CHANGING)


class RequestBuckets:
    """The buckets of an account in one region."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Fill all buckets.

        Args:
            clock: Returns a time in seconds.
        """
        self._clock = clock
        self._levels: dict[tuple[str, BucketSize], tuple[float, float]] = {}

    def take_token(self, action: str, *, is_selective: bool) -> bool:
        """Take a token from an action's bucket, and return whether there was one.

        Args:
            action: The action.
            is_selective: Whether the request has a filter or a page size.
        """
        size = bucket_size(action, is_selective=is_selective)
        now = self._clock()
        level, since = self._levels.get((action, size), (size.capacity, now))
        level = min(size.capacity, level + (now - since) * size.refill)
        is_admitted = level >= 1
        self._levels[action, size] = (level - is_admitted, now)
        return is_admitted
