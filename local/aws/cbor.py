"""CloudWatch's protocol, Smithy RPC v2 CBOR, which AWS's SDK for Go uses and moto does not support.

Requests are converted to AWS JSON, which CloudWatch also supports, and responses back, so the layers behind this one
handle only JSON.
https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
"""

from __future__ import annotations

import io
import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.parsers import BaseCBORParser
from botocore.serialize import RpcV2CBORSerializer
from moto.core.utils import get_service_model
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_PATH = re.compile(r"/service/(GraniteServiceVersion20100801)/operation/(\w+)")
_CBOR_HEADERS = [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")]
_ERROR = "400"


def with_cbor(app: WSGIApplication) -> WSGIApplication:
    """Convert CBOR requests to CloudWatch, and forward all other requests to `app`."""

    def serve_cbor(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        called = _PATH.fullmatch(environ["PATH_INFO"])
        if called is None:
            return app(environ, start_response)
        target, operation = called.groups()
        body, status, headers = run_wsgi_app(app, _json_environment(environ, f"{target}.{operation}"), buffered=True)
        answer = json.loads(b"".join(body) or b"{}")
        encoded = _encode_error(answer) if status >= _ERROR else _encode_output(operation, answer)
        kept = [(name, value) for name, value in headers if name.lower().startswith("x-amz")]
        start_response(status, [*kept, *_CBOR_HEADERS, ("Content-Length", str(len(encoded)))])
        return [encoded]

    return serve_cbor


def _json_environment(environ: WSGIEnvironment, target: str) -> WSGIEnvironment:
    body = Request(environ).get_data()
    parser = BaseCBORParser()
    given = parser.parse_data_item(parser.get_peekable_stream_from_bytes(body)) if body else {}
    encoded = json.dumps(given, default=_as_epoch).encode()
    return {
        **environ,
        "PATH_INFO": "/",
        "REQUEST_URI": "/",
        "RAW_URI": "/",
        "CONTENT_TYPE": "application/x-amz-json-1.0",
        "CONTENT_LENGTH": str(len(encoded)),
        "HTTP_X_AMZ_TARGET": target,
        "wsgi.input": io.BytesIO(encoded),
    }


def _as_epoch(value: object) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"{type(value).__name__} cannot be converted to JSON")


def _encode_output(operation: str, answer: dict[str, Any]) -> bytes:
    # moto has already loaded this model. Loading one takes a tenth of a second, also in each thread that waits for it.
    shape = get_service_model("cloudwatch").operation_model(operation).output_shape
    encoded = bytearray()
    known = {name: value for name, value in answer.items() if shape and name in shape.members}
    RpcV2CBORSerializer()._serialize_data_item(encoded, known, shape) if shape else encoded.append(0xA0)  # noqa: SLF001 — botocore has no public equivalent
    return bytes(encoded)


def _encode_error(answer: dict[str, Any]) -> bytes:
    texts = {"__type": str(answer.get("__type", "InternalFailure")), "message": str(answer.get("message", ""))}
    serializer, encoded = RpcV2CBORSerializer(), bytearray([0xA0 + len(texts)])
    for text in (part for pair in texts.items() for part in pair):
        serializer._serialize_type_string(encoded, text, None, None)  # noqa: SLF001 — botocore has no public equivalent
    return bytes(encoded)
