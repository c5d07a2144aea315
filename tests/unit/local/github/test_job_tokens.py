"""Tokens as a job asks for them, with what GitHub says of them in its reference of OpenID Connect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

if TYPE_CHECKING:
    from tests.unit.local.github.conftest import GitHub

REPOSITORY = "octo-owner/octo-repository"
AWS = "sts.amazonaws.com"


def read(github: GitHub, url: str, bearer: str = "") -> Any:
    """Return what an address answers."""
    return github.app.test_client().get(url, headers={"Authorization": f"bearer {bearer}"}).json


def token_claims(github: GitHub, **job: str) -> dict[str, Any]:
    """Start a job, and return the claims of its token, verified by the published keys."""
    variables: Any = github.request("POST", "/_control/jobs", job).json
    url, secret = variables["ACTIONS_ID_TOKEN_REQUEST_URL"], variables["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
    token = read(github, f"{url}&audience={AWS}", secret)["value"]
    keys = read(github, read(github, "/.well-known/openid-configuration")["jwks_uri"])
    assert all("d" not in key for key in keys["keys"])
    return jwt.decode(token, KeySet.import_key_set(keys), algorithms=["RS256"]).claims


def test_a_job_gets_a_short_lived_token_that_says_what_it_is(github: GitHub) -> None:
    claims = token_claims(github, environment="prod", ref="refs/heads/main", run_id="7", actor="octocat")

    assert claims["exp"] - claims["iat"] == 300
    assert {name: claims[name] for name in ("iss", "aud", "repository", "environment", "run_id", "actor")} == {
        "iss": "https://token.actions.githubusercontent.com",
        "aud": AWS,
        "repository": REPOSITORY,
        "environment": "prod",
        "run_id": "7",
        "actor": "octocat",
    }
    assert claims["sha"] == github.get("/git/ref/heads/main")["object"]["sha"]


@pytest.mark.parametrize(
    "job, context",
    [
        ({"environment": "prod"}, "environment:prod"),
        ({"ref": "refs/heads/topic"}, "ref:refs/heads/topic"),
        ({"event_name": "pull_request"}, "pull_request"),
        ({"event_name": "pull_request", "environment": "prod"}, "environment:prod"),
    ],
)
def test_the_subject_is_the_repositorys_with_what_the_job_runs_for(
    github: GitHub, job: dict[str, str], context: str
) -> None:
    customization = "/actions/oidc/customization/sub"
    immutable = github.get(customization)["sub_claim_prefix"]
    assert "@" in immutable
    assert token_claims(github, **job)["sub"] == f"{immutable}:{context}"

    github.repo("PUT", customization, {"use_default": True, "use_immutable_subject": False})
    assert token_claims(github, **job)["sub"] == f"repo:{REPOSITORY}:{context}"


def test_a_subject_may_be_made_of_other_claims(github: GitHub) -> None:
    chosen = {"use_default": False, "include_claim_keys": ["repository_owner", "context"]}
    github.repo("PUT", "/actions/oidc/customization/sub", chosen)

    assert token_claims(github, environment="prod")["sub"] == "repository_owner:octo-owner:environment:prod"


def test_a_token_of_another_repository_does_not_pass_for_this_ones(github: GitHub) -> None:
    assert token_claims(github, repository="else/where")["sub"] == "repo:else/where:ref:refs/heads/main"


def test_nobody_gets_a_token_without_a_jobs_secret(github: GitHub) -> None:
    answer = github.app.test_client().get("/_control/jobs/token", headers={"Authorization": "bearer other"})

    assert answer.status_code == 401
