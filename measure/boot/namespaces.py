"""Network namespaces: a guest's whole network is the loopback interface of one, whose servers run in this process."""

from __future__ import annotations

import ctypes
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from measure.boot.host import run_host

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

METADATA_ADDRESS = "169.254.169.254"
"""Address of the instance metadata service."""

GATEWAY_ADDRESS = "198.18.0.1"
"""Address of all names: one of the network that is reserved for tests of network devices (RFC 2544)."""

NAME_SERVER_ADDRESS = "127.0.0.1"

_CLONE_NEWNET = 0x40000000


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a server listens.

    Attributes:
        address: IPv4 address.
        port: Port.
        is_datagram: Whether it is UDP instead of TCP.
    """

    address: str
    port: int
    is_datagram: bool = False


@contextmanager
def network_namespace(name: str) -> Iterator[Path]:
    """Create a namespace with the gateway's addresses for the duration of the block, and return its path."""
    run_host("ip", "netns", "add", name)
    try:
        run_host("ip", "-n", name, "link", "set", "lo", "up")
        for address in (METADATA_ADDRESS, GATEWAY_ADDRESS):
            run_host("ip", "-n", name, "address", "add", f"{address}/32", "dev", "lo")
        yield Path("/run/netns", name)
    finally:
        run_host("ip", "netns", "delete", name)


def open_sockets(namespace: Path, endpoints: Sequence[Endpoint]) -> list[socket.socket]:
    """Open listening sockets in a namespace; any thread of this process can then serve them."""
    # A thread that has entered the namespace cannot be used for anything else.
    with ThreadPoolExecutor(max_workers=1) as entered:
        return entered.submit(_open_inside, namespace, endpoints).result()


def _open_inside(namespace: Path, endpoints: Sequence[Endpoint]) -> list[socket.socket]:
    descriptor = os.open(namespace, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
    finally:
        os.close(descriptor)
    return [_open_socket(endpoint) for endpoint in endpoints]


def _open_socket(endpoint: Endpoint) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if endpoint.is_datagram else socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.bind((endpoint.address, endpoint.port))
    if not endpoint.is_datagram:
        opened.listen(64)
    return opened
