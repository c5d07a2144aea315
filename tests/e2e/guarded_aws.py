"""An AWS account with one bucket and one key that enforces the policies of its callers, which moto does not do."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request, Response

from local.aws.actions import needed_actions
from local.aws.iam.evaluation import policy_allows
from local.servers import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TypeAlias
    from wsgiref.types import StartResponse, WSGIEnvironment

Touched: TypeAlias = "tuple[str, str]"
"""An action, and the key, the prefix or the ARN that it touched; `*` stands for what each run makes up."""

THROUGH_S3 = {"s3:GetObject": "kms:Decrypt", "s3:PutObject": "kms:GenerateDataKey"}
"""What S3 asks KMS for on behalf of its caller, where a bucket is encrypted with a key.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#require-sse-kms
"""

_MADE_UP = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|(?<=[-.])\d{16,}")
_CALLER = re.compile(r"Credential=([^/]+)/")


@dataclass(frozen=True, kw_only=True)
class Need:
    """A right that a request needs.

    Attributes:
        action: The IAM action.
        resource: The ARN that it touches.
        context: The request's condition keys.
    """

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class GuardedAws:
    """A WSGI application that refuses what the policies of the caller do not allow, and records what was called.

    Callers sign by their name. One without policies is an administrator and may do everything.

    Attributes:
        region: The account's region.
        bucket_arn: Its bucket.
        key_arn: Its key, which encrypts the bucket.
        policies: The policies of each caller, as JSON.
        seen: What each caller has called.
        refused: What was refused.
    """

    region: str
    bucket_arn: str
    key_arn: str
    policies: Mapping[str, Sequence[str]]
    seen: dict[str, set[Touched]] = field(default_factory=dict)
    refused: set[Touched] = field(default_factory=set)
    _account: DomainDispatcherApplication = field(
        default_factory=lambda: DomainDispatcherApplication(create_backend_app)
    )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        request = Request(environ)
        signed = _CALLER.search(request.headers["Authorization"])
        caller = signed[1] if signed else ""
        needs = [need for action in needed_actions(request) for need in self._needs(action, request)]
        self.seen.setdefault(caller, set()).update(map(self._touched, needs))
        refused = [need for need in needs if not self._allows(caller, need)]
        if refused:
            self.refused.update(map(self._touched, refused))
            return _refusal(request)(environ, start_response)
        # moto reads the path as it was sent from here.
        environ["RAW_URI"] = environ["REQUEST_URI"]
        body, status, headers = run_wsgi_app(self._account, environ, buffered=True)
        # S3 says only to those who may list a bucket that an object is not there.
        if status.startswith("404") and not self._allows(
            caller, Need(action="s3:ListBucket", resource=self.bucket_arn)
        ):
            return _refusal(request)(environ, start_response)
        start_response(status, list(headers))
        return body

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve on loopback, and give the address."""
        server = make_server(LOOPBACK, 0, self, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def _needs(self, action: str, request: Request) -> Iterator[Need]:
        if action.startswith("kms:"):
            yield Need(action=action, resource=self.key_arn)
            return
        if action == "s3:ListBucket":
            prefix = request.args.get("prefix", "")
            yield Need(action=action, resource=self.bucket_arn, context={"s3:prefix": prefix})
            return
        copied = unquote(request.headers.get("X-Amz-Copy-Source", ""))
        path = copied if copied and action == "s3:GetObject" else request.path
        yield Need(action=action, resource=f"arn:aws:s3:::{path.strip('/')}")
        if action in THROUGH_S3 and request.method != "HEAD":
            context = {"kms:ViaService": f"s3.{self.region}.amazonaws.com"}
            yield Need(action=THROUGH_S3[action], resource=self.key_arn, context=context)

    def _allows(self, caller: str, need: Need) -> bool:
        policies = self.policies.get(caller)
        return policies is None or any(
            policy_allows(policy, need.action, need.resource, dict(need.context)) for policy in policies
        )

    def _touched(self, need: Need) -> Touched:
        place = need.context.get("s3:prefix", need.resource.removeprefix(f"{self.bucket_arn}/"))
        return need.action, _MADE_UP.sub("*", place)


def _refusal(request: Request) -> Response:
    if request.headers.get("X-Amz-Target"):
        return Response('{"__type": "AccessDeniedException"}', status=400, mimetype="application/x-amz-json-1.1")
    return Response("<Error><Code>AccessDenied</Code></Error>", status=403, mimetype="application/xml")
