"""An account in this process that enforces its IAM policies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID

from local.aws.gaps import s3
from local.aws.iam.gate import AccessGate
from local.aws.iam.in_process import guard_client
from tests.mocked_clients import mocked_session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REGION = "us-west-2"
ACCOUNT = DEFAULT_ACCOUNT_ID
TRUST = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
_CONFIG = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})


def statement(*actions: str, resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


_GATE = AccessGate()
"""The gate of all accounts, so that they can share their clients."""


@cache
def _guarded_client(service: str, credentials: tuple[tuple[str, str], ...]) -> Any:
    """Return a client of all accounts; creating one takes longer than most calls."""
    client = mocked_session().client(service, config=_CONFIG, **dict(credentials))
    guard_client(client, _GATE.admit)
    return client


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """An account with an active gate.

    Attributes:
        gate: The gate.
    """

    gate: AccessGate

    def client(self, service: str, **credentials: str) -> Any:
        """Return a client with the given credentials, by default the administrator's."""
        given = credentials or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return _guarded_client(service, tuple(given.items()))

    def role(self, name: str, *statements: Mapping[str, Any], trust: Mapping[str, Any] = TRUST) -> str:
        """Create a role, and return its ARN."""
        iam = self.client("iam")
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
        return arn

    def credentials(self, role: str, **more: Any) -> dict[str, str]:
        """Assume a role as the administrator, and return the session's credentials."""
        return session_credentials(
            self.client("sts").assume_role(RoleArn=role, RoleSessionName="run", **more)["Credentials"]
        )

    def acting(self, service: str, *statements: Mapping[str, Any], name: str = "Actor") -> Any:
        """Return a client with the credentials of a new role."""
        return self.client(service, **self.credentials(self.role(name, *statements)))


def session_credentials(answered: Mapping[str, str]) -> dict[str, str]:
    return {
        "aws_access_key_id": answered["AccessKeyId"],
        "aws_secret_access_key": answered["SecretAccessKey"],
        "aws_session_token": answered["SessionToken"],
    }


def refusal(call: Any, **parameters: Any) -> tuple[str, str]:
    """Assert that a call is refused, and return the error's code and message."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def account(one_image: None) -> Iterator[Guarded]:  # noqa: ARG001
    _GATE.forget()
    _GATE.switch(enforced=True, issuers={})
    with mock_aws():
        s3.close_s3_gaps()
        yield Guarded(gate=_GATE)
