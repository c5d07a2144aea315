"""The models of AWS's services, which all parts of the emulated account share."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import boto3
import botocore.session
from moto.core.loaders import create_loader


@cache
def model_session() -> Any:  # botocore has no types
    """Return the session that reads each model once, with moto's additions; not for clients, which modify models."""
    session = botocore.session.get_session()
    session.register_component("data_loader", create_loader())
    return session


@cache
def region_session() -> Any:  # boto3 has no types
    """Return the session that lists the regions of services."""
    return boto3.session.Session(botocore_session=model_session())


def import_regions() -> None:
    """Import moto's regions, whose module reads EC2's model three times if it opens sessions of its own."""
    session_class, boto3.Session = boto3.Session, region_session
    try:
        import_module("moto.ec2.models.availability_zones_and_regions")
    finally:
        boto3.Session = session_class
