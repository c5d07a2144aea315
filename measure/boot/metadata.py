"""The instance metadata of a guest, version 2 of the service only.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from measure.boot.downloads import TRIAL_REGION
from measure.boot.http_answer import HttpAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN_HEADER = "X-aws-ec2-metadata-token"  # noqa: S105 — the header's name
LIFETIME_HEADER = f"{TOKEN_HEADER}-ttl-seconds"
SPOT_NOTICE = "spot/instance-action"
SILENCE = "169.254.169.254/*"
"""Pattern of a network fault that affects all requests to the service."""

_TOKEN_PATH = "/latest/api/token"  # noqa: S105 — a path
_ITEMS_PATH = "/latest/meta-data/"


class InstanceMetadata:
    """The metadata of one instance.

    Attributes:
        items: The metadata by path, such as `placement/region`.
    """

    def __init__(self, items: Mapping[str, str]) -> None:
        """Serve these items."""
        self.items = dict(items)
        self._tokens: set[str] = set()

    def answer_request(self, method: str, path: str, headers: Mapping[str, str]) -> HttpAnswer:
        """Return the answer to a request."""
        if method == "PUT":
            return self._grant_token(path, headers.get(LIFETIME_HEADER, ""))
        if headers.get(TOKEN_HEADER) not in self._tokens:
            return HttpAnswer(status=401)
        item = self.items.get(path.removeprefix(_ITEMS_PATH))
        if not path.startswith(_ITEMS_PATH) or item is None:
            return HttpAnswer(status=404)
        return HttpAnswer(status=200, body=item.encode())

    def _grant_token(self, path: str, lifetime: str) -> HttpAnswer:
        if path != _TOKEN_PATH or not lifetime.isdecimal():
            return HttpAnswer(status=400)
        token = secrets.token_urlsafe(40)
        self._tokens.add(token)
        return HttpAnswer(status=200, body=token.encode(), headers=((LIFETIME_HEADER, lifetime),))


def instance_items(instance: str, *, is_spot: bool, has_group: bool) -> dict[str, str]:
    """Return the metadata that boot files and the AWS CLI read.

    Args:
        instance: The instance's ID.
        is_spot: Whether it is a spot instance.
        has_group: Whether an Auto Scaling group has launched it.
    """
    credentials = {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "LastUpdated": "2026-01-01T00:00:00Z",
        "Expiration": "2036-01-01T00:00:00Z",
        "AccessKeyId": "test",
        "SecretAccessKey": "test",
        "Token": "test",
    }
    role = "iam/security-credentials/"
    return {
        "instance-id": instance,
        "instance-life-cycle": "spot" if is_spot else "on-demand",
        "placement/region": TRIAL_REGION,
        role: "machine",
        f"{role}machine": json.dumps(credentials),
        **({"autoscaling/target-lifecycle-state": "InService"} if has_group else {}),
    }
