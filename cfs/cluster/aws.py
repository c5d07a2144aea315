"""AWS as `cfs cluster` reaches it: bounded calls, all pages, and errors that name the right that is missing."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, NoRegionError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from cfs.aws import CLIENT_CONFIG, DENIED_CODES, EXPIRED_CODES, SIGN_IN_ERRORS, error_code
from cfs.environments import find_stack_environment
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import boto3

GLOBAL_SERVICES_REGION = "us-east-1"
"""Where the Price List and the Budgets of all regions answer:
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html"""

ACTION_BY_CALL = {"budgets:DescribeBudget": "budgets:ViewBudget"}
"""Calls whose right is not called like them:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbudgetservice.html"""

_SIGN_IN = "sign in (`aws sso login` or `aws configure`), or set AWS_PROFILE to a profile that is"
_BUSY_CODES = frozenset({"ResourceContention", "ResourceContentionFault", "ScalingActivityInProgress"})
_BUSY_ATTEMPTS = 5


@dataclass(frozen=True, kw_only=True)
class AwsApi:
    """An AWS account in one region, and the time there.

    Attributes:
        session: Whose credentials are used.
        url: Where the emulated account answers; None for AWS itself.
        clock: Tells the time, with its zone: the machine's, or that of the emulated account.
    """

    session: boto3.Session
    url: str | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_emulated(self) -> bool:
        """Whether it is the emulated account, whose prices are placeholders."""
        return self.url is not None

    def call_operation(self, service: str, operation: str, /, **arguments: Any) -> dict[str, Any]:
        """Make one call and give its answer."""
        with _explain_call_errors(service, operation):
            client = self._service_client(service)
            for attempt in Retrying(
                retry=retry_if_exception(_is_busy),
                stop=stop_after_attempt(_BUSY_ATTEMPTS),
                wait=wait_exponential_jitter(multiplier=0.5, max=8),
                reraise=True,
            ):
                with attempt:
                    answer: dict[str, Any] = getattr(client, operation)(**arguments)
            return answer

    def list_items(self, service: str, operation: str, path: str, /, **arguments: Any) -> Iterator[dict[str, Any]]:
        """Return what all pages of a listing call hold at a JMESPath."""
        with _explain_call_errors(service, operation):
            yield from self._service_client(service).get_paginator(operation).paginate(**arguments).search(path)

    def account_id(self) -> str:
        """Return the account's number."""
        return str(self.call_operation("sts", "get_caller_identity")["Account"])

    def region_name(self) -> str:
        """Return the name of the region."""
        return str(self.session.region_name)

    def _service_client(self, service: str) -> Any:  # boto3 makes its clients' classes at run time
        if service not in self._clients:
            region = GLOBAL_SERVICES_REGION if service in ("pricing", "budgets") else None
            client = self.session.client(service, region_name=region, endpoint_url=self.url, config=CLIENT_CONFIG)
            self._clients[service] = client
        return self._clients[service]


def open_aws_api(name: str, *, region: str | None) -> AwsApi:
    """Reach an environment's account: the emulated one for `local`, else the caller's by boto3's own chain."""
    environment = find_stack_environment(name)
    with _explain_call_errors("sts", "get_caller_identity"):
        session = environment.open_session(region)
    if session.region_name is None:
        raise UserError(
            f"No region is set for the environment {name!r}.",
            repair="give --region us-west-2, or set AWS_REGION, or a region in the AWS profile",
        )
    return AwsApi(session=session, url=environment.aws_url, clock=environment.current_time)


def required_action(service: str, operation: str) -> str:
    """Return the IAM action that a call needs: `right("ec2", "DescribeInstances")`."""
    name = f"{service}:{operation}"
    return ACTION_BY_CALL.get(name, name)


@contextmanager
def _explain_call_errors(service: str, operation: str) -> Iterator[None]:
    name = "".join(part.capitalize() for part in operation.split("_"))
    try:
        yield
    except SIGN_IN_ERRORS as error:
        raise UserError(f"{service}:{name} needs AWS credentials: {error}.", repair=_SIGN_IN) from error
    except NoRegionError as error:
        raise UserError(f"{service}:{name} needs a region.", repair="give --region, or set AWS_REGION") from error
    except ClientError as error:
        problem = f"AWS refused {service}:{name}: {error.response['Error'].get('Message') or error_code(error)}"
        raise UserError(
            f"{problem} ({error_code(error)})", repair=_error_repair(error, required_action(service, name))
        ) from error
    except BotoCoreError as error:
        raise UserError(
            f"AWS did not answer {service}:{name}: {error}.",
            repair="check the network and the region, and give the same command again",
        ) from error


def _is_busy(error: BaseException) -> bool:
    return isinstance(error, ClientError) and error_code(error) in _BUSY_CODES


def _error_repair(error: ClientError, action: str) -> str:
    if error_code(error) in DENIED_CODES:
        return f"have the action {action} allowed for you: docs/cluster-console.md lists all that the command needs"
    if error_code(error) in EXPIRED_CODES:
        return _SIGN_IN
    if error_code(error) == "NotFoundException":
        return "deploy the environment's stack first: it makes the budget"
    return "give the same command again; where it fails again, repair what AWS says"
