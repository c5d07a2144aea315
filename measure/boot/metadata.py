"""The instance metadata of a guest, version 2 of the service only.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from measure.boot.downloads import TRIAL_REGION
from measure.boot.http_answer import HttpAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TOKEN_HEADER = "X-aws-ec2-metadata-token"  # noqa: S105 — the header's name
LIFETIME_HEADER = f"{TOKEN_HEADER}-ttl-seconds"
SPOT_NOTICE = "spot/instance-action"
SILENCE = "169.254.169.254/*"
"""Pattern of a network fault that affects all requests to the service."""

PRIVATE_ADDRESS = "10.0.0.15"
NETWORK = "10.0.0.0/24"
MAC_ADDRESS = "02:00:00:00:00:15"
"""The network interface of all guests, each of which is alone in its network."""

_TOKEN_PATH = "/latest/api/token"  # noqa: S105 — a path
_VERSION = re.compile(r"/(?:latest|20\d\d-\d\d-\d\d)/")
"""Beginning of the paths of all versions of the metadata's categories."""


@dataclass(frozen=True, kw_only=True)
class InstanceFacts:
    """What an instance is.

    Attributes:
        instance: Its ID.
        instance_type: Its instance type.
        user_data: Its user data.
        is_spot: Whether it is a spot instance.
        has_group: Whether an Auto Scaling group has launched it.
    """

    instance: str
    instance_type: str
    user_data: bytes
    is_spot: bool
    has_group: bool


class InstanceMetadata:
    """The metadata of one instance.

    Attributes:
        items: The metadata by path, such as `placement/region`.
    """

    def __init__(self, items: Mapping[str, str], *, others: Mapping[str, bytes]) -> None:
        """Serve these items, and others that are not below `meta-data/`, such as `user-data`."""
        self.items = dict(items)
        self._others = others
        self._tokens: set[str] = set()

    def answer_request(self, method: str, path: str, headers: Mapping[str, str]) -> HttpAnswer:
        """Return the answer to a request."""
        if method == "PUT":
            return self._grant_token(path, headers.get(LIFETIME_HEADER, ""))
        if headers.get(TOKEN_HEADER) not in self._tokens:
            return HttpAnswer(status=401)
        found = self._find_item(_VERSION.sub("", path, count=1)) if _VERSION.match(path) else None
        return HttpAnswer(status=404) if found is None else HttpAnswer(status=200, body=found)

    def _find_item(self, path: str) -> bytes | None:
        served = {**self._others, **{f"meta-data/{name}": item.encode() for name, item in self.items.items()}}
        return served.get(path) or list_below(path, served).encode() or None

    def _grant_token(self, path: str, lifetime: str) -> HttpAnswer:
        if path != _TOKEN_PATH or not lifetime.isdecimal():
            return HttpAnswer(status=400)
        token = secrets.token_urlsafe(40)
        self._tokens.add(token)
        return HttpAnswer(status=200, body=token.encode(), headers=((LIFETIME_HEADER, lifetime),))


def list_below(folder: str, paths: Iterable[str]) -> str:
    """Return the names in a folder as the service lists them, one in a line; "" if there is no such folder.

    Args:
        folder: A path, with or without a `/` at the end.
        paths: Paths of all items.
    """
    folder = f"{folder.rstrip('/')}/"
    below = [path.removeprefix(folder) for path in paths if path.startswith(folder)]
    return "\n".join(dict.fromkeys(name.partition("/")[0] + "/" * ("/" in name) for name in below))


def create_metadata(facts: InstanceFacts) -> InstanceMetadata:
    """Return the metadata that boot files, the AWS CLI and cloud-init's data source read."""
    document = {"instanceId": facts.instance, "instanceType": facts.instance_type, "region": TRIAL_REGION}
    return InstanceMetadata(
        _instance_items(facts),
        others={
            "user-data": facts.user_data,
            "dynamic/instance-identity/document": json.dumps(document).encode(),
        },
    )


def _instance_items(facts: InstanceFacts) -> dict[str, str]:
    credentials = {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "LastUpdated": "2026-01-01T00:00:00Z",
        "Expiration": "2036-01-01T00:00:00Z",
        "AccessKeyId": "test",
        "SecretAccessKey": "test",
        "Token": "test",
    }
    interface = f"network/interfaces/macs/{MAC_ADDRESS}"
    host_name = f"ip-{PRIVATE_ADDRESS.replace('.', '-')}.{TRIAL_REGION}.compute.internal"
    return {
        "ami-id": "ami-00000000000000001",
        "hostname": host_name,
        "instance-id": facts.instance,
        "instance-life-cycle": "spot" if facts.is_spot else "on-demand",
        "instance-type": facts.instance_type,
        "local-hostname": host_name,
        "local-ipv4": PRIVATE_ADDRESS,
        "mac": MAC_ADDRESS,
        f"{interface}/device-number": "0",
        f"{interface}/interface-id": "eni-00000000000000001",
        f"{interface}/local-ipv4s": PRIVATE_ADDRESS,
        f"{interface}/mac": MAC_ADDRESS,
        f"{interface}/subnet-ipv4-cidr-block": NETWORK,
        "placement/availability-zone": f"{TRIAL_REGION}a",
        "placement/region": TRIAL_REGION,
        "services/domain": "amazonaws.com",
        "services/partition": "aws",
        "iam/security-credentials/machine": json.dumps(credentials),
        **({"autoscaling/target-lifecycle-state": "InService"} if facts.has_group else {}),
    }
