"""Clients of the accounts that moto mocks, created once for all tests: creating one takes longer than most calls."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3

REGION = "us-west-2"


@cache
def mocked_session() -> boto3.Session:
    """Return the session of all mocked accounts; it has no state of an account."""
    return boto3.Session("test", "test", region_name=REGION)


@cache
def mocked_client(service: str) -> Any:
    """Return a service's client, which works on the account that is mocked at the time of a call."""
    return mocked_session().client(service)
