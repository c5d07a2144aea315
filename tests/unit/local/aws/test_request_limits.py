"""EC2's request limits: when a bucket is empty, and which requests it concerns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.aws.conditions import ACCOUNT_CONDITIONS, Conditions
from local.aws.request_limits import RequestBuckets, bucket_size
from tests.unit.local.aws.test_faults import Account, call, connect

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def conditions() -> Iterator[None]:
    """Reset the conditions."""
    yield
    ACCOUNT_CONDITIONS.switch(Conditions())


@pytest.mark.parametrize(
    "action, is_selective, capacity, refill",
    [
        ("DescribeVpcs", False, 100, 20),
        ("DescribeInstances", False, 50, 10),
        ("DescribeInstances", True, 100, 20),
        ("CreateVpc", False, 50, 5),
        ("AuthorizeSecurityGroupIngress", False, 50, 5),
        ("CreateTags", False, 100, 10),
        ("RunInstances", False, 5, 2),
    ],
)
def test_an_action_has_the_bucket_that_aws_documents(
    action: str,
    is_selective: bool,  # noqa: FBT001 — a parameter of the cases
    capacity: float,
    refill: float,
) -> None:
    size = bucket_size(action, is_selective=is_selective)
    assert (size.capacity, size.refill) == (capacity, refill)


def test_an_empty_bucket_refuses_requests_until_it_is_refilled() -> None:
    now = 0.0
    buckets = RequestBuckets(lambda: now)

    def admitted(action: str, count: int) -> int:
        return sum(buckets.take_token(action, is_selective=False) for _ in range(count))

    assert admitted("CreateVpc", 60) == 50
    assert admitted("CreateSubnet", 1) == 1  # each action has its own bucket
    now = 2.5
    assert admitted("CreateVpc", 60) == 12
    now = 1000.0
    assert admitted("CreateVpc", 60) == 50


def test_limits_refuse_requests_to_ec2_alone_and_only_if_they_are_on() -> None:
    account = Account()
    client = connect(account)
    assert {call(client, "ec2") for _ in range(150)} == {"done"}

    ACCOUNT_CONDITIONS.switch(Conditions(request_limits=True))
    assert {call(client, "ec2") for _ in range(150)} == {"done", "RequestLimitExceeded"}
    assert {call(client, "ssm") for _ in range(150)} == {"done"}
    throttled = ACCOUNT_CONDITIONS.faults["throttled"]
    assert 0 < throttled <= 50
    # A refused request is not executed.
    assert account.executed == 450 - throttled
