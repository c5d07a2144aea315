"""Verifies tokens of identity providers, with which a role is assumed, as STS does.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from cfs.loopback import open_loopback
from local.aws.iam.account import ACCOUNT_ID, iam_backend
from local.aws.iam.evaluation import Principal

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEYS_SECONDS = 5
_SCHEME = "https://"


class WebIdentityError(Exception):
    """A token is rejected.

    Attributes:
        code: STS's error code.
    """

    def __init__(self, code: str, message: str) -> None:
        """Create the error."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class WebIdentity:
    """The identity in a token.

    Attributes:
        principal: The identity provider.
        context: Condition keys from the token's claims.
    """

    principal: Principal
    context: Mapping[str, str]


def verify_token(token: str, issuers: Mapping[str, str]) -> WebIdentity:
    """Verify a token, and return the identity in it.

    Args:
        token: The token.
        issuers: URLs of the issuers' keys, by the issuer's URL.

    Raises:
        WebIdentityError: STS would reject the token.
    """
    issuer = _claimed_issuer(token)
    provider = issuer.removeprefix(_SCHEME)
    arn = f"arn:aws:iam::{ACCOUNT_ID}:oidc-provider/{provider}"
    known = iam_backend().open_id_providers.get(arn) if iam_backend() else None
    if known is None or issuer not in issuers:
        raise WebIdentityError("InvalidIdentityToken", "No OpenIDConnect provider found in your account for " + issuer)
    try:
        claims = jwt.decode(token, KeySet.import_key_set(_fetch_keys(issuers[issuer])), algorithms=["RS256"]).claims
    except (JoseError, ValueError) as error:
        raise WebIdentityError(
            "InvalidIdentityToken",
            "Couldn't retrieve verification key from your identity provider, "
            f"or the token's signature is invalid: {error}",
        ) from error
    now = time.time()
    if claims["exp"] < now:
        raise WebIdentityError(
            "ExpiredTokenException", "Token expired: current date/time must be before the expiration"
        )
    if claims.get("nbf", now) > now:
        raise WebIdentityError("InvalidIdentityToken", "The token is not valid yet")
    if claims["aud"] not in known.client_id_list:
        raise WebIdentityError("InvalidIdentityToken", "Incorrect token audience")
    return WebIdentity(
        principal=Principal(kind="federated", arn=arn),
        context={f"{provider}:aud": claims["aud"], f"{provider}:sub": claims["sub"]},
    )


def _claimed_issuer(token: str) -> str:
    """Return the issuer that an unverified token claims."""
    try:
        payload = token.split(".")[1]
        claims: Any = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims["iss"])
    except (IndexError, ValueError, KeyError, TypeError) as error:
        raise WebIdentityError("InvalidIdentityToken", "The ID Token provided is not a valid JWT.") from error


@retry(retry=retry_if_exception_type(OSError), stop=stop_after_attempt(3), wait=wait_fixed(0.2), reraise=True)
def _fetch_keys(url: str) -> Any:
    with open_loopback(url, timeout=_KEYS_SECONDS) as answer:
        return json.load(answer)
