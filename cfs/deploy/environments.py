"""An environment as `cfs deploy` reaches it: whose account it is in, and which bucket holds its releases."""

from __future__ import annotations

from dataclasses import dataclass

from cfs.deploy.aws import Aws, asking
from cfs.deploy.store import Store
from cfs.environments import find_environment
from infra.naming import S3_BUCKET, physical_name
from infra.tags import PROJECT


@dataclass(frozen=True, kw_only=True)
class Environment:
    """An environment.

    Attributes:
        name: The stack's name.
        aws: Its account.
    """

    name: str
    aws: Aws

    def store(self) -> Store:
        """Give its artifact bucket.

        Raises:
            UserError: There are no valid credentials.
        """
        account_id = self.aws.account_id()
        bucket = physical_name(S3_BUCKET, PROJECT, self.name, "artifacts", account_id, self.aws.region)
        return Store(self.aws.client("s3"), bucket=bucket)


def open_environment(name: str) -> Environment:
    """Find an environment: the emulated account for `local`, the caller's credentials for any other.

    Raises:
        UserError: There is no such stack here, or the emulated account cannot be had.
    """
    environment = find_environment(name)
    region = environment.region
    with asking("find the caller's credentials"):
        session = environment.open_session(region)
    return Environment(name=name, aws=Aws(session=session, region=region, url=environment.aws_url))
