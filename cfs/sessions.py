"""Sessions of boto3: whose account they reach is decided by the command, never by a variable or a file alone."""

from __future__ import annotations

import os
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

_NO_FILES = {"config_file": os.devnull, "credentials_file": os.devnull}


def local_session(*, region: str) -> boto3.Session:
    """Return a session for the emulated account that reads no variable, no file and no proxy of the user's."""
    # (name in the configuration file, names of variables, default, conversion) of each option of a session.
    known: dict[str, tuple[Any, ...]] = botocore.session.Session.SESSION_VARIABLES
    options = {
        name: (in_file, None, _NO_FILES.get(name, default), conversion)
        for name, (in_file, _, default, conversion) in known.items()
    }
    core = botocore.session.Session(session_vars=options)
    # No proxies, not: those of the environment.
    core.set_default_client_config(Config(proxies={}))
    return boto3.Session(
        botocore_session=core,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 — the emulator asks for any
        region_name=region,
    )


def caller_session(*, region: str | None = None) -> boto3.Session:
    """Return a session with the caller's credentials, by boto3's own chain, for AWS itself.

    Addresses of services that variables or the profile name are not used: the engine takes none of them either.

    Raises:
        BotoCoreError: The profile does not exist or cannot be read.
    """
    core = botocore.session.Session()
    core.set_default_client_config(Config(ignore_configured_endpoint_urls=True))
    return boto3.Session(botocore_session=core, region_name=region)
