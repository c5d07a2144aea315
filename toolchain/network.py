"""Recognition of network failures by the output of tools."""

from __future__ import annotations

import re

from terminal.errors import UserError

TAIL_LINES = 12
"""Maximum number of lines of a tool's output in an error."""

_FAILURE_SIGNS = re.compile(
    r"dial tcp|no such host|i/o timeout|connection refused|connection reset|connection timed out"
    r"|tls handshake|proxyconnect|server misbehaving|unexpected eof|context deadline exceeded"
    r"|network is unreachable|no route to host|temporary failure in name resolution"
    r"|failed to establish a new connection|newconnectionerror|connecttimeout|read timed out|maxretryerror"
    r"|\b(?:403|407|429|500|502|503|504) [a-z]|module lookup disabled",
    re.IGNORECASE,
)


def is_network_failure(output: str) -> bool:
    """Return whether a tool's output indicates a failure of the network or of a server."""
    return _FAILURE_SIGNS.search(output) is not None


def output_tail(output: str) -> str:
    """Return the last lines of a tool's output."""
    return "\n".join(output.strip().splitlines()[-TAIL_LINES:])


def unreachable_error(host: str, output: str) -> UserError:
    """Return the error for an unreachable host.

    Args:
        host: The kind of host, for example "the Go module proxy".
        output: The tool's output.
    """
    return UserError(
        f"Pulumi is not installed, and {host} cannot be reached to build it:\n{output}",
        repair="Set HTTPS_PROXY to your proxy, or GOPROXY and PIP_INDEX_URL to mirrors that this machine "
        "reaches; or install Pulumi yourself (https://www.pulumi.com/docs/install/).",
    )
