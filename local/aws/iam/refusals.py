"""Error responses for refused requests, in the format of each AWS protocol."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from local.aws.iam.principals import CredentialsFault
from local.aws.journal import RecordedAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Request

FORBIDDEN, BAD_REQUEST = "403 Forbidden", "400 Bad Request"

_ACCESS_DENIED: Mapping[str, str] = {
    "ec2": "UnauthorizedOperation",
    "json": "AccessDeniedException",
    "query": "AccessDenied",
    "s3": "AccessDenied",
}

CREDENTIALS: Mapping[CredentialsFault, tuple[Mapping[str, str], str]] = {
    CredentialsFault.MISSING: (
        {
            "ec2": "AuthFailure",
            "json": "MissingAuthenticationTokenException",
            "query": "MissingAuthenticationToken",
            "s3": "AccessDenied",
        },
        "Request is missing Authentication Token",
    ),
    CredentialsFault.UNKNOWN: (
        {
            "ec2": "AuthFailure",
            "json": "UnrecognizedClientException",
            "query": "InvalidClientTokenId",
            "s3": "InvalidAccessKeyId",
        },
        "The security token included in the request is invalid.",
    ),
    CredentialsFault.EXPIRED: (
        {"ec2": "RequestExpired", "json": "ExpiredTokenException", "query": "ExpiredToken", "s3": "ExpiredToken"},
        "The security token included in the request is expired",
    ),
}
"""Error codes by protocol, and the message.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""


def request_protocol(request: Request, service: str) -> str:
    """Return the protocol for the error response to a request."""
    if service in ("ec2", "s3"):
        return service
    is_json = "X-Amz-Target" in request.headers or request.mimetype != "application/x-www-form-urlencoded"
    return "json" if is_json else "query"


def denial_code(protocol: str, service: str) -> str:
    """Return the error code for a denied request."""
    # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    return "AuthorizationError" if service == "sns" else _ACCESS_DENIED[protocol]


def refuse_request(
    request: Request, protocol: str, code: str, message: str, *, status: str = FORBIDDEN
) -> RecordedAnswer:
    """Return the error response to a refused request.

    Args:
        request: The request.
        protocol: The response's format.
        code: AWS's error code.
        message: AWS's message.
        status: HTTP status.
    """
    if protocol == "json":
        # REST services answer with status 403; those with X-Amz-Target answer 400, with the error code in the body.
        answered = BAD_REQUEST if "X-Amz-Target" in request.headers and status == FORBIDDEN else status
        body = json.dumps({"__type": code, "message": message, "Message": message})
        return _answer(answered, "application/x-amz-json-1.1", body, {"x-amzn-ErrorType": code})
    fault = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    if protocol == "ec2":
        body = f"<Response><Errors><Error>{fault}</Error></Errors><RequestID>refused</RequestID></Response>"
    elif protocol == "s3":
        body = "" if request.method == "HEAD" else f"<Error>{fault}<RequestId>refused</RequestId></Error>"
    else:
        body = f"<ErrorResponse><Error><Type>Sender</Type>{fault}</Error><RequestId>refused</RequestId></ErrorResponse>"
    return _answer(status, "text/xml", body, {})


def _answer(status: str, content_type: str, body: str, headers: Mapping[str, str]) -> RecordedAnswer:
    encoded = body.encode()
    return RecordedAnswer(
        status=status,
        headers=[("Content-Type", content_type), ("Content-Length", str(len(encoded))), *headers.items()],
        body=encoded,
    )
