"""An environment as `cfs deploy` reaches it: whose account it is in, and which bucket holds its releases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from cfs.account import PROJECT as FOLDER
from cfs.account import STACK, open_account
from cfs.deploy.aws import Aws, asking
from cfs.deploy.store import Store
from cfs.errors import UserError
from cfs.sessions import caller_session, local_session
from infra.naming import S3_BUCKET, physical_name
from infra.tags import PROJECT

if TYPE_CHECKING:
    from pathlib import Path


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


def settings_file(name: str) -> Path:
    """Find the file with an environment's settings.

    Raises:
        UserError: There is none.
    """
    settings = FOLDER / f"Pulumi.{name}.yaml"
    if not settings.exists():
        there = ", ".join(sorted(path.name.split(".")[1] for path in FOLDER.glob("Pulumi.*.yaml")))
        raise UserError(
            f"There is no environment {name!r}: {settings} does not exist.",
            repair=f"give one of these to --environment: {there}",
        )
    return settings


def open_environment(name: str) -> Environment:
    """Find an environment: the emulated account for `local`, the caller's credentials for any other.

    Raises:
        UserError: There is no such stack here, or the emulated account cannot be had.
    """
    settings = settings_file(name)
    region = (yaml.safe_load(settings.read_text()) or {}).get("config", {}).get("aws:region")
    if not isinstance(region, str):
        raise UserError(
            f"{settings} does not set aws:region.", repair=f"pulumi config set aws:region us-west-2 --stack {name}"
        )
    if name != STACK:
        with asking("find the caller's credentials"):
            return Environment(name=name, aws=Aws(session=caller_session(), region=region))
    session = local_session(region=region)
    return Environment(name=name, aws=Aws(session=session, region=region, url=open_account().aws_url))
