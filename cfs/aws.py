"""Access to an AWS account: bounded calls, pagination, and errors with a repair."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import jmespath
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import boto3

CLIENT_CONFIG = Config(
    connect_timeout=5,
    read_timeout=30,
    # Adaptive: when AWS throttles one call, the client slows down all of its calls; waits have jitter.
    # https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
    retries={"mode": "adaptive", "total_max_attempts": 6},
)

GLOBAL_SERVICES = frozenset({"budgets", "ce", "pricing"})
GLOBAL_SERVICES_REGION = "us-east-1"
"""Region whose Price List, Budgets and Cost Explorer endpoints cover all regions:
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html"""

ACTION_BY_CALL = {"budgets:DescribeBudget": "budgets:ViewBudget"}
"""IAM actions of calls that differ from the call's name:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbudgetservice.html"""

_SIGN_IN_ERRORS = (
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
"""Errors that boto3 raises when it has no usable credentials."""

_SIGN_IN = (
    "sign in (`aws sso login` or `aws configure`), or set AWS_PROFILE to a profile that is signed in; "
    "a workflow's job must assume the environment's role"
)
_REPAIR_BY_CODE = {
    **dict.fromkeys(
        ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"),
        "ask for permission to use {action}: docs/cluster-console.md and docs/deploy.md list what commands need",
    ),
    **dict.fromkeys(
        (
            "AuthFailure",
            "ExpiredToken",
            "ExpiredTokenException",
            "InvalidClientTokenId",
            "RequestExpired",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        ),
        _SIGN_IN,
    ),
    # The stack creates the budget, the bucket and the Systems Manager documents.
    **dict.fromkeys(
        ("NotFoundException", "NoSuchBucket", "InvalidDocument"),
        "deploy the environment's stack first (`cfs deploy apply`): {action} needs a resource that it creates",
    ),
}
_REPEAT = "run the same command again: it continues where it stopped; if AWS refuses again, fix the cause it names"

_BUSY_CODES = frozenset(
    {
        "ResourceContention",
        "ResourceContentionFault",
        "ScalingActivityInProgress",
        # S3: another write to the same key is in progress.
        "ConditionalRequestConflict",
        "OperationAborted",
        "409",
    }
)
_BUSY_ATTEMPTS = 5

_SUBJECT_ARGUMENTS = ("Bucket", "Key", "AutoScalingGroupName", "DocumentName", "BudgetName")
"""Arguments that name the resource of a call, for error messages."""


class AwsError(UserError):
    """A call that AWS refused.

    Attributes:
        code: AWS's error code.
    """

    def __init__(self, problem: str, *, code: str, repair: str) -> None:
        """Describe the refusal."""
        super().__init__(problem, repair=repair)
        self.code = code


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class AwsAccount:
    """An AWS account in one region, with its clock.

    Attributes:
        session: boto3 session with the credentials and the region.
        url: Endpoint of the emulated account; None for AWS itself.
        clock: Returns the time with its zone, from the machine or from the emulated account.
    """

    session: boto3.Session
    url: str | None = None
    clock: Callable[[], datetime] = utc_now
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)
    _creating: threading.Lock = field(default_factory=threading.Lock, repr=False)
    """Clients may be shared by threads, but a session may not create two at the same time:
    https://boto3.amazonaws.com/v1/documentation/api/latest/guide/session.html"""

    @property
    def is_emulated(self) -> bool:
        """Whether this is the emulated account, whose prices are placeholders."""
        return self.url is not None

    @property
    def region(self) -> str:
        """The region's name."""
        return str(self.session.region_name)

    def call_operation(self, service: str, operation: str, /, **arguments: Any) -> dict[str, Any]:
        """Call an operation and return the response; retry while the resource is busy.

        Raises:
            AwsError: AWS refused.
        """
        with explain_aws_errors(service, operation, **arguments):
            client = self._service_client(service)
            for attempt in Retrying(
                retry=retry_if_exception(_is_busy),
                stop=stop_after_attempt(_BUSY_ATTEMPTS),
                wait=wait_exponential_jitter(multiplier=0.5, max=8),
                reraise=True,
            ):
                with attempt:
                    _rewind_body(arguments.get("Body"))
                    answer: dict[str, Any] = getattr(client, operation)(**arguments)
            return answer

    def list_items(self, service: str, operation: str, path: str, /, **arguments: Any) -> Iterator[dict[str, Any]]:
        """Yield the items at a JMESPath of the response, from all pages.

        Raises:
            AwsError: AWS refused.
        """
        with explain_aws_errors(service, operation, **arguments):
            client = self._service_client(service)
            if client.can_paginate(operation):
                pages = client.get_paginator(operation).paginate(**arguments)
            else:
                pages = [getattr(client, operation)(**arguments)]
            for page in pages:
                yield from jmespath.search(path, page) or ()

    def account_id(self) -> str:
        """Return the account's ID."""
        return str(self.call_operation("sts", "get_caller_identity")["Account"])

    def _service_client(self, service: str) -> Any:  # boto3 creates its client classes at run time
        with self._creating:
            if service not in self._clients:
                region = GLOBAL_SERVICES_REGION if service in GLOBAL_SERVICES else None
                client = self.session.client(service, region_name=region, endpoint_url=self.url, config=CLIENT_CONFIG)
                self._clients[service] = client
            return self._clients[service]


def required_action(service: str, operation: str) -> str:
    """Return the IAM action that a call requires, such as `required_action("ec2", "DescribeInstances")`."""
    name = f"{service}:{operation}"
    return ACTION_BY_CALL.get(name, name)


@contextmanager
def explain_aws_errors(service: str, operation: str, /, **arguments: Any) -> Iterator[None]:
    """Convert boto3's errors, raised after its own retries, into errors with a repair.

    Raises:
        AwsError: AWS refused.
    """
    name = "".join(part.capitalize() for part in operation.split("_"))
    subject = "/".join(str(arguments[key]) for key in _SUBJECT_ARGUMENTS if key in arguments)
    call = f"{service}:{name}" + (f" of {subject}" if subject else "")
    try:
        yield
    except _SIGN_IN_ERRORS as error:
        raise UserError(f"{call} needs AWS credentials: {error}.", repair=_SIGN_IN) from error
    except ClientError as error:
        code = _error_code(error)
        repair = _REPAIR_BY_CODE.get(code, _REPEAT).format(action=required_action(service, name))
        said = error.response.get("Error", {}).get("Message") or code
        raise AwsError(f"AWS refused {call}: {said} ({code})", code=code, repair=repair) from error
    except BotoCoreError as error:
        raise UserError(
            f"AWS did not answer {call}: {error}.",
            repair="check the network and the region, and run the same command again: it continues where it stopped",
        ) from error


def _rewind_body(body: Any) -> None:
    """Rewind a file that an earlier attempt has read."""
    if hasattr(body, "seek"):
        body.seek(0)


def _is_busy(error: BaseException) -> bool:
    return isinstance(error, ClientError) and _error_code(error) in _BUSY_CODES


def _error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
