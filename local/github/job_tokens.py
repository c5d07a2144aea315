"""OpenID Connect tokens for GitHub Actions jobs, and the keys with which AWS verifies them.

`POST /_control/jobs` registers a job, in place of GitHub's scheduler, and returns the two variables with which the
job requests its token. The claims are GitHub's: https://docs.github.com/en/actions/reference/security/oidc
"""

from __future__ import annotations

import secrets
import time
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify, request
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from local.github.responses import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.github.records import Json, ServiceState
    from local.github.state import StateStore

TOKEN_ISSUER = "https://token.actions.githubusercontent.com"  # noqa: S105 — an address
DISCOVERY_PATH = "/.well-known"
TOKEN_SECONDS = 300
"""Seconds from a token's issue to its expiry, as in GitHub's example. It is also valid for twice this time before its
issue."""

_ALGORITHM = "RS256"
_KEY_SIZE = 2048


def subject_prefix(state: ServiceState) -> str:
    """Return the prefix of the `sub` claim in the repository's tokens."""
    owner, repository = state.owner, state.repository
    if repository.actions.oidc["use_immutable_subject"]:
        return f"repo:{owner.login}@{owner.id}/{repository.name}@{repository.id}"
    return f"repo:{owner.login}/{repository.name}"


def token_subject(claims: Mapping[str, object], settings: Mapping[str, object], *, prefix: str) -> str:
    """Return the `sub` claim of a token.

    Args:
        claims: The token's other claims.
        settings: The repository's customization of the subject.
        prefix: The subject's prefix.
    """
    if "environment" in claims:
        context = f"environment:{claims['environment']}"
    elif claims["event_name"] == "pull_request":
        context = "pull_request"
    else:
        context = f"ref:{claims['ref']}"
    keys = settings.get("include_claim_keys")
    if settings["use_default"] or not isinstance(keys, list):
        return f"{prefix}:{context}"
    named = {"repo": prefix, "context": context}
    return ":".join(named.get(key, f"{key}:{claims.get(key, '')}") for key in keys)


class JobTokenIssuer:
    """Issues tokens for the jobs of one repository; each process has its own key."""

    def __init__(self) -> None:
        """Create an issuer without jobs."""
        self._jobs: dict[str, Json] = {}

    @cached_property
    def _signing_key(self) -> RSAKey:
        return RSAKey.generate_key(_KEY_SIZE, {"use": "sig", "alg": _ALGORITHM}, auto_kid=True)

    def start_job(self, claims: Json) -> str:
        """Register a job, and return the secret with which it requests tokens."""
        secret = secrets.token_urlsafe()
        self._jobs[secret] = claims
        return secret

    def issue_token(self, secret: str, *, audience: str) -> str:
        """Return a token.

        Raises:
            ApiError: No job has the secret.
        """
        if secret not in self._jobs:
            raise ApiError(HTTPStatus.UNAUTHORIZED, "Bad credentials")
        now = int(time.time())
        times = {"iat": now, "nbf": now - 2 * TOKEN_SECONDS, "exp": now + TOKEN_SECONDS}
        claims = {**self._jobs[secret], **times, "iss": TOKEN_ISSUER, "aud": audience, "jti": secrets.token_hex(16)}
        return jwt.encode({"alg": _ALGORITHM, "kid": self._signing_key.kid, "typ": "JWT"}, claims, self._signing_key)

    def public_keys(self) -> Json:
        """Return the keys that verify the tokens."""
        return dict(KeySet([self._signing_key]).as_dict(private=False))


def job_claims(state: ServiceState, job: Mapping[str, object]) -> Json:
    """Return the claims of a job's tokens: its own, with defaults as for a push to the default branch."""
    repository = str(job.get("repository", f"{state.owner.login}/{state.repository.name}"))
    ref = f"refs/heads/{state.repository.default_branch}"
    sha = job.get("sha", state.repository.refs.get(str(job.get("ref", ref)), ""))
    claims: Json = {
        "repository": repository,
        "repository_id": str(state.repository.id),
        "repository_owner": repository.partition("/")[0],
        "repository_owner_id": str(state.owner.id),
        "repository_visibility": "public",
        "actor": state.owner.login,
        "actor_id": str(state.owner.id),
        "event_name": "push",
        "ref": ref,
        "ref_type": "branch",
        "sha": sha,
        "workflow": "workflow",
        "workflow_sha": sha,
        "run_id": "1",
        "run_number": "1",
        "run_attempt": "1",
        "runner_environment": "github-hosted",
        **{name: value for name, value in job.items() if value is not None},
    }
    own = repository == f"{state.owner.login}/{state.repository.name}"
    prefix = subject_prefix(state) if own else f"repo:{repository}"
    return {**claims, "sub": token_subject(claims, state.repository.actions.oidc, prefix=prefix)}


def job_token_blueprint(store: StateStore) -> Blueprint:
    """Create the API from which jobs get their tokens."""
    tokens, issuer = Blueprint("job_tokens", __name__), JobTokenIssuer()

    @tokens.post("/_control/jobs")
    def start_job() -> Response:
        with store.lock:
            secret = issuer.start_job(job_claims(store.state, request.get_json(force=True)))
        return jsonify(
            {
                "ACTIONS_ID_TOKEN_REQUEST_URL": f"{request.url_root}_control/jobs/token?api-version=2.0",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": secret,
            }
        )

    @tokens.get("/_control/jobs/token")
    def issue_token() -> Response:
        secret = request.headers.get("Authorization", "").partition(" ")[2]
        audience = request.args.get("audience", f"https://github.com/{store.state.owner.login}")
        return jsonify({"value": issuer.issue_token(secret, audience=audience)})

    @tokens.get(f"{DISCOVERY_PATH}/jwks")
    def show_keys() -> Response:
        return jsonify(issuer.public_keys())

    @tokens.get(f"{DISCOVERY_PATH}/openid-configuration")
    def describe_issuer() -> Response:
        return jsonify(
            {
                "issuer": TOKEN_ISSUER,
                "jwks_uri": f"{request.url_root.rstrip('/')}{DISCOVERY_PATH}/jwks",
                "subject_types_supported": ["public", "pairwise"],
                "response_types_supported": ["id_token"],
                "claims_supported": sorted(job_claims(store.state, {})),
                "id_token_signing_alg_values_supported": [_ALGORITHM],
                "scopes_supported": ["openid"],
            }
        )

    return tokens
