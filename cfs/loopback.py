"""Loopback requests that bypass proxies."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPResponse

HOSTS = ("127.0.0.1", "localhost", "::1")

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def open_loopback(request: str | urllib.request.Request, *, timeout: float) -> HTTPResponse:
    """Send a request to a loopback address without a proxy.

    Args:
        request: URL for a GET request, or a complete request.
        timeout: Seconds to wait for the connection, and for each read.

    Raises:
        OSError: The connection failed, or the response is an HTTP error.
    """
    return cast("HTTPResponse", _OPENER.open(request, timeout=timeout))


def proxy_exceptions(variables: Mapping[str, str]) -> dict[str, str]:
    """Return `no_proxy` and `NO_PROXY` with the user's exceptions and loopback.

    Some programs read the lower-case variable, some the upper-case one, some both.
    """
    excepted = variables.get("no_proxy") or variables.get("NO_PROXY") or ""
    hosts = [host.strip() for host in excepted.split(",") if host.strip()]
    value = ",".join([*hosts, *(host for host in HOSTS if host not in hosts)])
    return {"NO_PROXY": value, "no_proxy": value}
