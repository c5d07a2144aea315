"""Faults of a guest's network, which take effect at its next request."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class FaultKind(StrEnum):
    """What happens instead of an answer."""

    UNAVAILABLE = "answer 503"
    CORRUPT = "change the answer's last byte"
    HANG = "accept and never answer"
    DROP = "close the connection"
    NO_NAME = "answer NXDOMAIN"


@dataclass(frozen=True, kw_only=True)
class NetworkFault:
    """A fault.

    Attributes:
        kind: What happens.
        pattern: Which requests it affects: their host, path, and AWS action as in
            `ec2.us-west-2.amazonaws.com/ DescribeInstances`; `*` and `?` match anything. For names: the host.
    """

    kind: FaultKind
    pattern: str


class NetworkFaults:
    """The present faults of one guest's network."""

    def __init__(self) -> None:
        """Begin without faults."""
        self._present: tuple[NetworkFault, ...] = ()
        self._changed = threading.Condition()

    @contextmanager
    def cause_fault(self, kind: FaultKind, pattern: str) -> Iterator[None]:
        """Cause a fault for the duration of the block."""
        fault = NetworkFault(kind=kind, pattern=pattern)
        self._replace((*self._present, fault))
        try:
            yield
        finally:
            self._replace(tuple(present for present in self._present if present is not fault))

    def find_fault(self, request: str) -> FaultKind | None:
        """Return the fault that affects a request, or None."""
        return next((fault.kind for fault in self._present if fnmatchcase(request, fault.pattern)), None)

    def await_end(self, request: str, *, seconds: float) -> None:
        """Wait until no fault lets a request hang, or until the time has passed."""
        with self._changed:
            self._changed.wait_for(lambda: self.find_fault(request) != FaultKind.HANG, timeout=seconds)

    def _replace(self, faults: tuple[NetworkFault, ...]) -> None:
        with self._changed:
            self._present = faults
            self._changed.notify_all()
