"""boto3 clients in the account's own process, with the same access checks as for requests from the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.awsrequest import HeadersDict
from botocore.exceptions import ClientError
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.aws.journal import RecordedAnswer


def guard_client(client: Any, admit: Callable[[Request], RecordedAnswer | None]) -> None:
    """Make a boto3 client send only admitted requests; for a refused one it raises a ClientError."""

    def refuse(event_name: str, request: Any, **_: Any) -> None:
        refusal = admit(_received_request(request))
        if refusal is not None:
            answer = {
                "status_code": int(refusal.status.partition(" ")[0]),
                "headers": HeadersDict(dict(refusal.headers)),
                "body": refusal.body,
            }
            # Raise the error, as returning the response would not stop moto from executing the request.
            parsed = client._response_parser.parse(answer, None)  # noqa: SLF001 — the parser of this client's responses
            raise ClientError(parsed, event_name.rpartition(".")[2])

    client.meta.events.register_first("before-send", refuse)


def _received_request(sent: Any) -> Request:
    """Convert botocore's request to the one that a server would receive."""
    headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in sent.headers.items()}
    body = sent.body.read() if hasattr(sent.body, "read") else sent.body or b""
    if hasattr(sent.body, "seek"):
        sent.body.seek(0)
    path, _, query = str(sent.url).partition("://")[2].partition("/")[2].partition("?")
    environ = EnvironBuilder(
        method=sent.method, path=f"/{path}", query_string=query, headers=headers, data=body
    ).get_environ()
    return Request({**environ, "REQUEST_URI": f"/{path}"})
