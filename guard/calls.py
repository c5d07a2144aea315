"""The guard's calls to AWS: bounded, and a failure is a value that names the call, so that it shields nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    import boto3

Answer = TypeVar("Answer")

GUARD_CLIENT_CONFIG = Config(
    connect_timeout=3,
    read_timeout=10,
    # Three attempts with jittered waits:
    # https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
    retries={"mode": "standard", "total_max_attempts": 3},
)

_ERROR_LENGTH = 300

_SERVICE_REGIONS = {"ce": "us-east-1"}
"""Cost Explorer answers for all regions there:
https://docs.aws.amazon.com/general/latest/gr/billing.html"""


@dataclass(frozen=True, kw_only=True)
class CallFailure:
    """A call that failed.

    Attributes:
        call: Its name, such as `ec2:DescribeInstances`.
        subject: What it was about, such as a group's name, or "".
        error: AWS's error, or what was wrong with the answer.
    """

    call: str
    subject: str = ""
    error: str

    def __str__(self) -> str:
        """Return it for people."""
        about = f" of {self.subject}" if self.subject else ""
        return f"{self.call}{about}: {self.error}"


@dataclass
class AwsCalls:
    """The account, and the calls that have failed in this tick.

    Attributes:
        session: Credentials and region.
        url: The emulated account's address; None for AWS itself.
        failures: Calls that failed.
    """

    session: boto3.Session
    url: str | None = None
    failures: list[CallFailure] = field(default_factory=list)
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)

    def service_client(self, service: str) -> Any:  # boto3 makes its clients' classes at run time
        """Return a service's client, the same each time."""
        if service not in self._clients:
            region = _SERVICE_REGIONS.get(service)
            self._clients[service] = self.session.client(
                service, region_name=region, endpoint_url=self.url, config=GUARD_CLIENT_CONFIG
            )
        return self._clients[service]

    def attempt_call(self, call: str, action: Callable[[], Answer], *, subject: str = "") -> Answer | None:
        """Return what an action returns, or None if it fails; then the failure is noted.

        Args:
            call: Name of the call that the action makes, such as `ec2:DescribeInstances`.
            action: Makes the call and reads its answer.
            subject: What it is about.
        """
        try:
            return action()
        except Exception as error:  # noqa: BLE001 — whatever fails, a malformed answer included, must not shield the rest
            self.failures.append(CallFailure(call=call, subject=subject, error=error_text(error)))
            return None


def error_text(error: BaseException) -> str:
    """Return an error on one line, for people."""
    text = " ".join(str(error).split())
    if not isinstance(error, ClientError):
        text = f"{type(error).__name__}: {text}"
    # botocore quotes all of an answer that it cannot parse.
    return text if len(text) <= _ERROR_LENGTH else f"{text[:_ERROR_LENGTH]} …"
