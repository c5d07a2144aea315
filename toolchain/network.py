"""Failures of the network, told from others by what the tools print."""

from __future__ import annotations

import re

from terminal.errors import UserError

TAIL_LINES = 12
"""Lines of a tool's output that an error shows."""

_FAILURE_SIGNS = re.compile(
    r"dial tcp|no such host|i/o timeout|connection refused|connection reset|connection timed out"
    r"|tls handshake|proxyconnect|server misbehaving|unexpected eof|context deadline exceeded"
    r"|network is unreachable|no route to host|temporary failure in name resolution"
    r"|failed to establish a new connection|newconnectionerror|connecttimeout|read timed out|maxretryerror"
    r"|\b(?:403|407|429|500|502|503|504) [a-z]|module lookup disabled",
    re.IGNORECASE,
)


def is_network_failure(output: str) -> bool:
    """Tell from a tool's output whether the network, or a server on it, failed."""
    return _FAILURE_SIGNS.search(output) is not None


def output_tail(output: str) -> str:
    """Return the last lines of a tool's output."""
    return "\n".join(output.strip().splitlines()[-TAIL_LINES:])


def unreachable_error(host: str, output: str) -> UserError:
    """Describe a host class that cannot be reached.

    Args:
        host: What kind of host, such as "the Go module proxy".
        output: What the tool said.
    """
    return UserError(
        f"Pulumi is not installed, and {host} cannot be reached to build it:\n{output}",
        repair="Set HTTPS_PROXY to your proxy, or GOPROXY and PIP_INDEX_URL to mirrors that this machine "
        "reaches; or install Pulumi yourself (https://www.pulumi.com/docs/install/).",
    )
