"""Answers to DNS questions: every name has the gateway's address."""

from __future__ import annotations

import socket
import struct

from measure.boot.namespaces import GATEWAY_ADDRESS

_HEADER_BYTES = 12
_TYPE_A = 1
_NO_ERROR, _NO_NAME = 0x8180, 0x8183
"""Flags of a recursive answer, with the codes NOERROR and NXDOMAIN (RFC 1035, section 4.1.1)."""


def asked_name(query: bytes) -> str:
    """Return the name that a query asks for."""
    labels, place = [], _HEADER_BYTES
    while size := query[place]:
        labels.append(query[place + 1 : place + 1 + size].decode("ascii"))
        place += 1 + size
    return ".".join(labels).lower()


def answer_query(query: bytes, *, exists: bool) -> bytes:
    """Return the answer to a query: the gateway's IPv4 address, no IPv6 address, or NXDOMAIN."""
    end = query.index(0, _HEADER_BYTES) + 5
    (kind,) = struct.unpack(">H", query[end - 4 : end - 2])
    address = b""
    if exists and kind == _TYPE_A:
        # The name is a pointer to the question; class IN, 5 seconds, 4 bytes.
        address = struct.pack(">HHHIH4s", 0xC00C, kind, 1, 5, 4, socket.inet_aton(GATEWAY_ADDRESS))
    counts = struct.pack(">HHHHH", _NO_ERROR if exists else _NO_NAME, 1, bool(address), 0, 0)
    return query[:2] + counts + query[_HEADER_BYTES:end] + address
