"""The IAM actions of requests as AWS's own clients send them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from werkzeug.test import Client, EnvironBuilder
from werkzeug.wrappers import Request, Response

from local.aws.actions import ACTIONS_PATH, ActionRecorder, _operation_addresses, needed_actions
from local.aws.iam.api_request import read_api_request

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest

GROUP = "arn:aws:scheduler:us-west-2:account:schedule-group/hours"
PATH_STYLE = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})


def sent(service: str, operation: str, **parameters: Any) -> Request:
    """Return the request that boto3 sends, without sending it."""
    client = boto3.client(
        service,
        region_name="us-west-2",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        endpoint_url="http://127.0.0.1:1",
        config=PATH_STYLE,
    )
    caught: list[AWSPreparedRequest] = []

    def catch(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        caught.append(request)
        return AWSResponse(request.url, 500, {}, None)

    client.meta.events.register("before-send", catch)
    try:
        getattr(client, operation)(**parameters)
    except Exception:  # noqa: BLE001 — the answer is none of the service's
        assert caught
    [request] = caught
    path, _, query = request.url.removeprefix("http://127.0.0.1:1").partition("?")
    headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()}
    builder = EnvironBuilder(
        method=request.method,
        path=path,
        query_string=query,
        headers=headers,
        data=request.body.encode() if isinstance(request.body, str) else b"",
    )
    return Request({**builder.get_environ(), "REQUEST_URI": path})


@pytest.mark.parametrize(
    "service, operation, parameters, actions",
    [
        ("ec2", "describe_instances", {}, ("ec2:DescribeInstances",)),
        ("iam", "get_role", {"RoleName": "r"}, ("iam:GetRole",)),
        ("kms", "describe_key", {"KeyId": "k"}, ("kms:DescribeKey",)),
        ("budgets", "describe_budgets", {"AccountId": "1" * 12}, ("budgets:ViewBudget",)),
        ("cloudwatch", "list_metrics", {}, ("cloudwatch:ListMetrics",)),
        ("scheduler", "get_schedule", {"Name": "s"}, ("scheduler:GetSchedule",)),
        ("scheduler", "list_tags_for_resource", {"ResourceArn": GROUP}, ("scheduler:ListTagsForResource",)),
        ("s3", "list_buckets", {}, ("s3:ListAllMyBuckets",)),
        ("s3", "head_bucket", {"Bucket": "b"}, ("s3:ListBucket",)),
        ("s3", "list_objects_v2", {"Bucket": "b", "Prefix": "p"}, ("s3:ListBucket",)),
        ("s3", "get_bucket_lifecycle_configuration", {"Bucket": "b"}, ("s3:GetLifecycleConfiguration",)),
        ("s3", "get_public_access_block", {"Bucket": "b"}, ("s3:GetBucketPublicAccessBlock",)),
        ("s3", "get_object", {"Bucket": "b", "Key": "a/b/c"}, ("s3:GetObject",)),
        ("s3", "put_object", {"Bucket": "b", "Key": "a/b", "Body": b"x"}, ("s3:PutObject",)),
        ("s3", "delete_object", {"Bucket": "b", "Key": "a"}, ("s3:DeleteObject",)),
        ("s3", "copy_object", {"Bucket": "b", "Key": "a", "CopySource": "b/c"}, ("s3:GetObject", "s3:PutObject")),
        (
            "s3",
            "abort_multipart_upload",
            {"Bucket": "b", "Key": "a", "UploadId": "u"},
            ("s3:AbortMultipartUpload",),
        ),
        ("sts", "get_caller_identity", {}, ()),
    ],
)
def test_a_request_needs_the_actions_that_iam_knows(
    service: str, operation: str, parameters: dict[str, Any], actions: tuple[str, ...]
) -> None:
    assert needed_actions(sent(service, operation, **parameters)) == actions


def test_operations_of_s3_are_known_after_a_client_has_used_them_too() -> None:
    for operation, parameters, action in (
        ("head_bucket", {"Bucket": "b"}, "s3:ListBucket"),
        ("get_object", {"Bucket": "b", "Key": "k"}, "s3:GetObject"),
    ):
        request = sent("s3", operation, **parameters)
        _operation_addresses.cache_clear()
        assert needed_actions(request) == (action,)


def test_a_request_to_s3_control_that_is_sent_as_to_a_proxy_names_its_bucket() -> None:
    path = "/v20180820/tags/arn%3Aaws%3As3%3A%3A%3Aa-bucket"
    signature = "AWS4-HMAC-SHA256 Credential=test/20260101/us-west-2/s3/aws4_request"
    signed = {"Authorization": signature, "x-amz-account-id": "111122223333"}
    environ = EnvironBuilder(path=path, headers=list(signed.items())).get_environ()
    request = read_api_request(Request({**environ, "REQUEST_URI": f"http://111122223333.127.0.0.1:1{path}"}))
    assert request is not None
    assert (request.actions, request.path) == (("s3:ListTagsForResource",), "/a-bucket")


def test_what_cannot_be_named_is_recorded_as_what_no_role_allows() -> None:
    request = sent("s3", "list_buckets")
    request.environ["REQUEST_METHOD"] = "PATCH"

    assert needed_actions(Request(request.environ)) == ("s3:PATCH /",)


def test_the_recorder_answers_what_was_called_since_it_was_cleared_and_leaves_requests_whole() -> None:
    @Request.application
    def app(request: Request) -> Response:
        return Response(request.form["Action"])

    client = Client(ActionRecorder(app))
    assert client.open(sent("iam", "get_role", RoleName="r").environ).text == "GetRole"
    assert json.loads(client.get(ACTIONS_PATH).text) == ["iam:GetRole"]
    assert json.loads(client.delete(ACTIONS_PATH).text) == []
    assert json.loads(client.get(ACTIONS_PATH).text) == []


def test_a_request_that_nobody_signed_needs_no_right() -> None:
    assert needed_actions(Request(EnvironBuilder().get_environ())) == ()
