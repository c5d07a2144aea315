"""What every command that calls AWS with boto3 shares: bounds of a call, and names of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import (
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

CLIENT_CONFIG = Config(
    connect_timeout=5,
    read_timeout=30,
    # Adaptive: all calls of one client slow down together when AWS throttles one, and waits have jitter.
    # https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
    retries={"mode": "adaptive", "total_max_attempts": 6},
)

DENIED_CODES = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
"""Names of errors by which services say that a right is missing."""

SIGN_IN_ERRORS = (
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
"""What boto3 raises where it finds no credentials to send."""

EXPIRED_CODES = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""Names of errors by which services say that the credentials are good no more."""


def error_code(error: ClientError) -> str:
    """Return AWS's name of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))
