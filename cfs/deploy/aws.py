"""AWS as `cfs deploy` reaches it: with the caller's credentials, or the emulated account for the stack `local`."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from cfs.aws import CLIENT_CONFIG, DENIED_CODES, EXPIRED_CODES, SIGN_IN_ERRORS, error_code
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

_SIGN_IN = "sign in (`aws sso login`, `aws configure`), or in a workflow give the job the environment's role"


@dataclass(frozen=True, kw_only=True)
class AwsClients:
    """An AWS account in one region.

    Attributes:
        session: Whose credentials are used.
        region: The region.
        url: Where the emulated account answers; None: AWS itself.
    """

    session: boto3.Session
    region: str
    url: str | None = None

    def make_client(self, service: str) -> Any:  # boto3 makes its clients' classes at run time
        """Return a client whose calls time out and are repeated a few times."""
        return self.session.client(service, region_name=self.region, endpoint_url=self.url, config=CLIENT_CONFIG)

    def account_id(self) -> str:
        """Return the account's number."""
        with explain_aws_errors("find out whose credentials these are"):
            return str(self.make_client("sts").get_caller_identity()["Account"])


@contextmanager
def explain_aws_errors(purpose: str) -> Iterator[None]:
    """Turn what boto3 raises into an error with a repair; its own retries are over by then."""
    try:
        yield
    except SIGN_IN_ERRORS as error:
        raise UserError(f"To {purpose}, AWS credentials are needed: {error}.", repair=_SIGN_IN) from error
    except ClientError as error:
        raise UserError(f"AWS would not {purpose}: {error}.", repair=_error_repair(error_code(error))) from error
    except BotoCoreError as error:
        raise UserError(
            f"AWS did not answer when asked to {purpose}: {error}.",
            repair="check the network and the region, and run the same command again: it goes on where it stopped",
        ) from error


def _error_repair(name: str) -> str:
    if name in DENIED_CODES:
        return "give the caller the rights that docs/deploy.md lists"
    if name in EXPIRED_CODES:
        return _SIGN_IN
    if name == "NoSuchBucket":
        return "deploy the environment's stack first (`cfs deploy apply`): it makes the bucket"
    if name == "InvalidDocument":
        return "deploy the environment's stack first (`cfs deploy apply`): it makes the documents of Systems Manager"
    return "run the same command again: it goes on where it stopped"
