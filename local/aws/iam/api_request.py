"""Parses a request to AWS's API into its operation and parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.utils import get_service_model

from local.aws.actions import S3_CONTROL_PATH, called_operation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Request

    from local.aws.actions import CalledOperation

_SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/[0-9]{8}/(?P<region>[^/]+)/")
_MODELS = {"monitoring": "cloudwatch", "servicequotas": "service-quotas"}
"""botocore's name by signing name, for services where they differ."""

_DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class ApiRequest:
    """A request to AWS's API.

    Attributes:
        service: IAM's prefix of the service.
        operation: The operation's name.
        actions: The required IAM actions.
        region: The target region.
        parameters: Parameters by their names in AWS's API reference.
        path: The path, which names buckets and objects of S3.
        method: The HTTP method.
        headers: Headers by name in lower case.
        query: Query parameters.
        access_key: The access key ID of the signature; None for an unsigned request.
    """

    service: str
    operation: str
    actions: tuple[str, ...]
    region: str
    parameters: Mapping[str, Any]
    path: str = "/"
    method: str = "POST"
    headers: Mapping[str, str]
    query: Mapping[str, str]
    access_key: str | None = None

    def regional_arn(self, service: str, resource: str, *, account: str) -> str:
        """Return the ARN of a resource in the request's region."""
        return f"arn:aws:{service}:{self.region}:{account}:{resource}"


def read_api_request(request: Request) -> ApiRequest | None:
    """Parse a request; return None if it is not for an AWS service."""
    called = called_operation(request)
    if called is None:
        return None
    scope = _SCOPE.search(request.headers.get("Authorization", ""))
    return ApiRequest(
        service=called.actions[0].partition(":")[0] if called.actions else called.service,
        operation=called.name,
        actions=called.actions,
        region=scope["region"] if scope else _DEFAULT_REGION,
        parameters=_read_parameters(request, called),
        path=_bucket_path(called) or request.path,
        method=request.method,
        headers={name.lower(): value for name, value in request.headers.items()},
        query=request.args.to_dict(),
        access_key=scope["key"] if scope else None,
    )


def _bucket_path(called: CalledOperation) -> str:
    """Return the path of the bucket whose ARN a request to S3 Control names; "" for other requests."""
    arn = unquote(called.path_values.get("resourceArn", "")) if called.service == "s3" else ""
    return arn.replace("arn:aws:s3:::", "/", 1) if arn.startswith("arn:aws:s3:::") else ""


def parse_parameters(request: Request, called: CalledOperation) -> tuple[Any, dict[str, Any]]:
    """Return botocore's shape of an operation's input, and the parameters of a request.

    Raises:
        Exception: moto's parsers cannot read the request; they may raise anything.
    """
    controls_s3 = called.service == "s3" and request.path.startswith(S3_CONTROL_PATH)
    model = get_service_model("s3control" if controls_s3 else _MODELS.get(called.service, called.service))
    operation = model.operation_model(called.name)
    parser = PROTOCOL_PARSERS[determine_request_protocol(model, request.content_type)]
    parameters: dict[str, Any] = parser(operation).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.get_data(),
            "url_path": request.path,
            "url_params": called.path_values,
        }
    )
    return operation.input_shape, parameters


def _read_parameters(request: Request, called: CalledOperation) -> Mapping[str, Any]:
    """Return the parameters; only those in the path for most S3 operations, and for requests that cannot be parsed."""
    if not called.name or (called.service == "s3" and called.name not in ("CreateBucket", "DeleteObjects")):
        return called.path_values
    try:
        return parse_parameters(request, called)[1]
    except Exception:  # noqa: BLE001 — moto's parsers may raise anything
        return called.path_values
