"""An answer to a guest's HTTP request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class HttpAnswer:
    """An answer.

    Attributes:
        status: HTTP status.
        body: The body.
        headers: Further headers.
    """

    status: int
    body: bytes = b""
    headers: Sequence[tuple[str, str]] = ()
