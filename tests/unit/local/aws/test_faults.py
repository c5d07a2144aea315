"""Faults: which requests fail, how, and what the account has done then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from waitress.channel import ClientDisconnected
from werkzeug.test import Client, EnvironBuilder
from werkzeug.wrappers import Request, Response

from local.aws.conditions import ACCOUNT_CONDITIONS, Conditions
from local.aws.faults import keeps_answer, with_faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

SCOPES = {
    "ec2": "Credential=test/20261126/us-west-2/ec2/aws4_request",
    "iam": "Credential=test/20261126/us-east-1/iam/aws4_request",
    "s3": "Credential=test/20261126/us-west-2/s3/aws4_request",
    "ssm": "Credential=test/20261126/us-west-2/ssm/aws4_request",
}


@pytest.fixture(autouse=True)
def conditions() -> Iterator[None]:
    """Reset the conditions."""
    yield
    ACCOUNT_CONDITIONS.switch(Conditions())


class Account:
    """An account that executes all requests."""

    def __init__(self) -> None:
        """Have executed none."""
        self.executed = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Execute a request."""
        self.executed += 1
        return Response("done")(environ, start_response)


def connect(account: Account) -> Client:
    """Return a client of an account with faults."""
    return Client(with_faults(account))


def call(client: Client, service: str) -> str:
    """Make a call; return its error code, "lost", or "done"."""
    headers = {"Authorization": SCOPES[service]}
    given: dict[str, Any] = {"data": {"Action": "DescribeVpcs"}}
    if service == "ssm":
        given, headers["X-Amz-Target"] = {"data": "{}"}, "AmazonSSM.GetParameter"
    elif service == "s3":
        given = {"method": "GET"}
    try:
        answer = client.open("/", headers=headers, **{"method": "POST", **given})
    except ClientDisconnected:
        return "lost"
    text = answer.get_data(as_text=True)
    return answer.headers.get("x-amzn-ErrorType") or text.partition("<Code>")[2].partition("<")[0] or text


@pytest.mark.parametrize(
    "service, codes",
    [
        ("ec2", {"RequestLimitExceeded", "InternalError"}),
        ("iam", {"Throttling", "InternalFailure"}),
        ("s3", {"SlowDown", "InternalError"}),
        ("ssm", {"ThrottlingException", "InternalServerError"}),
    ],
)
def test_a_share_of_the_requests_fails_in_each_way(service: str, codes: set[str]) -> None:
    ACCOUNT_CONDITIONS.switch(Conditions(fault_share=0.3, seed=1))
    account = Account()
    client = connect(account)
    answers = [call(client, service) for _ in range(100)]
    assert set(answers) == {"done", "lost", *codes}
    assert 20 < sum(answer != "done" for answer in answers) < 40
    # A request whose answer is lost was executed.
    assert account.executed == answers.count("done") + answers.count("lost")
    assert sum(ACCOUNT_CONDITIONS.faults.values()) == 100 - answers.count("done")


def test_the_seed_determines_which_requests_fail() -> None:
    def failing(seed: int) -> list[str]:
        ACCOUNT_CONDITIONS.switch(Conditions(fault_share=0.3, seed=seed))
        client = connect(Account())
        return [call(client, "ec2") for _ in range(30)]

    assert failing(1) == failing(1)
    assert failing(1) != failing(2)


def test_control_requests_do_not_fail_and_without_a_share_none_does() -> None:
    account = Account()
    client = connect(account)
    assert {call(client, "ec2") for _ in range(30)} == {"done"}
    ACCOUNT_CONDITIONS.switch(Conditions(fault_share=0.9))
    assert {client.get("/_control/health").get_data(as_text=True) for _ in range(30)} == {"done"}


@pytest.mark.parametrize(
    "share, body, kept",
    [
        (0.0, "Action=CreateVpc", True),
        (0.1, "Action=CreateVpc", False),
        (0.1, "Action=RunInstances&ClientToken=a", True),
    ],
)
def test_with_faults_only_a_client_token_makes_a_repeated_request_the_same(share: float, body: str, kept: bool) -> None:  # noqa: FBT001 — a parameter of the test
    ACCOUNT_CONDITIONS.switch(Conditions(fault_share=share))
    assert keeps_answer(Request(EnvironBuilder(method="POST", data=body).get_environ())) is kept
