"""boto3 sessions whose account the command chooses; the user's variables and files cannot redirect them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config

from cfs.aws import AwsAccount, explain_aws_errors, utc_now
from infra.config.variables import find_redirects
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_NO_FILES = {"config_file": os.devnull, "credentials_file": os.devnull}


def connect_emulated(*, url: str, region: str, clock: Callable[[], datetime] = utc_now) -> AwsAccount:
    """Return the emulated account at a URL, ignoring the user's AWS variables, AWS files and proxies."""
    # Each session option is (name in the configuration file, variable names, default, conversion).
    known: dict[str, tuple[Any, ...]] = botocore.session.Session.SESSION_VARIABLES
    options = {
        name: (in_file, None, _NO_FILES.get(name, default), conversion)
        for name, (in_file, _, default, conversion) in known.items()
    }
    core = botocore.session.Session(session_vars=options)
    # An empty mapping disables proxies; None would use those of the environment.
    core.set_default_client_config(Config(proxies={}))
    session = boto3.Session(
        botocore_session=core,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 — the emulator accepts any value
        region_name=region,
    )
    return AwsAccount(session=session, url=url, clock=clock)


def connect_caller(*, region: str) -> AwsAccount:
    """Return the AWS account of the caller's credentials, which boto3's own chain finds."""
    redirects = find_redirects(os.environ, unbeatable_only=True)
    if redirects:
        raise UserError(
            f"{', '.join(redirects)} would redirect some calls away from AWS.",
            repair=f"unset {' '.join(redirects)}",
        )
    with explain_aws_errors("sts", "get_caller_identity"):
        return AwsAccount(session=boto3.Session(region_name=region))
