"""The models of AWS's services, which all parts of the emulated account share."""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore.session
from moto.core.loaders import create_loader


@cache
def model_session() -> Any:  # botocore has no types
    """Return the session that reads each model once, with moto's additions; not for clients, which modify models."""
    session = botocore.session.get_session()
    session.register_component("data_loader", create_loader())
    return session
