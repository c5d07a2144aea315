"""STS: session tokens that are the same after a replay of the journal."""

from __future__ import annotations

import string

from moto.moto_api._internal import mock_random
from moto.sts import models

_TOKEN_LENGTH = 356


def close_sts_gaps() -> None:
    """Close the gaps of this service."""
    models.random_session_token = _random_session_token


def _random_session_token() -> str:
    return "".join(mock_random.choices(string.ascii_letters + string.digits, k=_TOKEN_LENGTH))
