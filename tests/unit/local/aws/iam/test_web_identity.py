"""Jobs on GitHub assume their roles by tokens that the stand-in issues and the account verifies."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from flask import Flask

from local.aws.iam.in_process import guard_client
from local.github.job_tokens import TOKEN_ISSUER, JobTokenIssuer
from tests.loopback_server import serve_on_loopback
from tests.unit.local.aws.iam.conftest import ACCOUNT, REGION, refusal, session_credentials, statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.local.aws.iam.conftest import Guarded

PROVIDER = "token.actions.githubusercontent.com"
SUBJECT = "repo:octo/cfs:environment:prod"
AUDIENCE = "sts.amazonaws.com"
TRUST = {
    "Effect": "Allow",
    "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{PROVIDER}"},
    "Action": "sts:AssumeRoleWithWebIdentity",
    "Condition": {"StringEquals": {f"{PROVIDER}:aud": AUDIENCE, f"{PROVIDER}:sub": SUBJECT}},
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[tuple[JobTokenIssuer, str]]:
    """An issuer of tokens, and the address of its keys."""
    made, app = JobTokenIssuer(), Flask(__name__)
    app.add_url_rule("/jwks", view_func=made.public_keys)
    with serve_on_loopback(app) as url:
        yield made, f"{url}/jwks"


@pytest.fixture
def assume(account: Guarded, issuer: tuple[JobTokenIssuer, str]) -> Callable[[str], Any]:
    """Assume the role of the job that deploys by a token, without other credentials."""
    account.gate.switch(enforced=True, issuers={TOKEN_ISSUER: issuer[1]})
    account.client("iam").create_open_id_connect_provider(Url=f"https://{PROVIDER}", ClientIDList=[AUDIENCE])
    role = account.role("deploy", statement("iam:ListRoles"), trust=TRUST)
    sts = boto3.client("sts", region_name=REGION, config=Config(signature_version=UNSIGNED))
    guard_client(sts, account.gate.admit)
    return lambda token: sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="run", WebIdentityToken=token)


def token(issuer: tuple[JobTokenIssuer, str], subject: str = SUBJECT, audience: str = AUDIENCE) -> str:
    return issuer[0].issue_token(issuer[0].start_job({"sub": subject}), audience=audience)


def test_a_job_gets_the_session_of_the_role_that_trusts_its_subject(
    account: Guarded, assume: Callable[[str], Any], issuer: tuple[JobTokenIssuer, str]
) -> None:
    granted = session_credentials(assume(token(issuer))["Credentials"])

    account.client("iam", **granted).list_roles()
    assert refusal(account.client("iam", **granted).list_users)[0] == "AccessDenied"


def test_other_tokens_are_refused_as_sts_does(
    assume: Callable[[str], Any], issuer: tuple[JobTokenIssuer, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(given: str) -> tuple[str, str]:
        return refusal(lambda: assume(given))

    other = "repo:octo/cfs:environment:staging"
    assert refused(token(issuer, subject=other)) == (
        "AccessDenied",
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
    )
    assert refused(token(issuer, audience="https://github.com/octo")) == (
        "InvalidIdentityToken",
        "Incorrect token audience",
    )
    assert refused("no token")[0] == "InvalidIdentityToken"
    assert refused(token((JobTokenIssuer(), issuer[1])))[0] == "InvalidIdentityToken"
    issued = token(issuer)
    now = time.time()
    monkeypatch.setattr("local.aws.iam.web_identity.time.time", lambda: now + 301)
    assert refused(issued)[0] == "ExpiredTokenException"
