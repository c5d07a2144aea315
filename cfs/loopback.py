"""Requests to the machine itself, which no proxy can pass on."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPResponse

HOSTS = ("127.0.0.1", "localhost", "::1")

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def open_loopback(request: str | urllib.request.Request, *, timeout: float) -> HTTPResponse:
    """Send a request to the machine itself, whatever proxy the environment names.

    Args:
        request: An address on loopback, for GET, or a whole request.
        timeout: Seconds to wait for a connection, and for each part of the answer.

    Raises:
        OSError: There is no answer, or it is an error.
    """
    return cast("HTTPResponse", _OPENER.open(request, timeout=timeout))


def proxy_exceptions(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that except loopback from the user's proxy, besides what the user excepts.

    Programs read the name in small letters, in capitals, or both.
    """
    excepted = variables.get("no_proxy") or variables.get("NO_PROXY") or ""
    hosts = [host.strip() for host in excepted.split(",") if host.strip()]
    value = ",".join([*hosts, *(host for host in HOSTS if host not in hosts)])
    return {"NO_PROXY": value, "no_proxy": value}
