"""boto3 clients with which the emulated account's own services call it over the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from local.aws.iam.principals import ADMINISTRATOR_KEY, SOURCE_ARN_HEADER

_CONFIG = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 3})


@dataclass(frozen=True, kw_only=True)
class OwnSession:
    """The URL, region and credentials for calls to the account.

    Attributes:
        url: The account's URL.
        region: The region.
        access_key: The access key ID, by default the administrator's.
        secret_key: The secret access key; signatures are not verified.
        token: The session token, or "".
    """

    url: str
    region: str
    access_key: str = ADMINISTRATOR_KEY
    secret_key: str = ADMINISTRATOR_KEY
    token: str = ""

    def open_client(self, service: str) -> Any:  # boto3 creates client classes at run time
        """Return a client for a service."""
        session = boto3.session.Session(self.access_key, self.secret_key, self.token or None, self.region)
        return session.client(service, endpoint_url=self.url, config=_CONFIG)

    def session_variables(self) -> dict[str, str]:
        """Return the environment variables that give a process this session."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": self.region,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            **({"AWS_SESSION_TOKEN": self.token} if self.token else {}),
        }


def assume_for_service(service: str, role: str, *, session: str, source_arn: str, url: str) -> OwnSession:
    """Assume a role as an AWS service, for example `lambda.amazonaws.com`.

    Args:
        service: The service.
        role: The role's ARN.
        session: The session's name.
        source_arn: ARN of the regional resource on whose behalf the service acts.
        url: The account's URL.

    Raises:
        ClientError: The role does not trust the service.
    """
    region = source_arn.split(":")[3]
    client = OwnSession(url=url, region=region, access_key=service).open_client("sts")

    def name_source(request: Any, **_: Any) -> None:  # botocore has no types
        request.headers[SOURCE_ARN_HEADER] = source_arn

    client.meta.events.register("before-sign.sts.AssumeRole", name_source)
    given = client.assume_role(RoleArn=role, RoleSessionName=session)["Credentials"]
    return OwnSession(
        url=url,
        region=region,
        access_key=given["AccessKeyId"],
        secret_key=given["SecretAccessKey"],
        token=given["SessionToken"],
    )
