"""Graceful shutdown of `cfs` and its engine on SIGINT, SIGTERM and SIGHUP."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_RELAYED = threading.Event()
"""Set once a running engine has been interrupted."""


def install_signal_handlers() -> None:
    """Relay signals to running engines; if none runs, raise KeyboardInterrupt."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _relay_signal)


def raise_if_interrupted() -> None:
    """Stop the command if an engine was interrupted, whatever the engine's exit status.

    Raises:
        KeyboardInterrupt: An engine was interrupted.
    """
    if _RELAYED.is_set():
        _RELAYED.clear()
        raise KeyboardInterrupt


def _relay_signal(number: int, _frame: FrameType | None) -> None:
    engines = list(_running_engines())
    if not engines:
        raise KeyboardInterrupt
    # A second SIGINT makes the engine abandon the resource it is creating. Only a user's second Ctrl-C means that;
    # GitHub's runner sends SIGTERM 7.5 s after SIGINT:
    # https://docs.github.com/en/actions/reference/workflow-cancellation-reference
    if number != signal.SIGINT and _RELAYED.is_set():
        return
    _RELAYED.set()
    for engine in engines:
        with suppress(psutil.NoSuchProcess):
            engine.send_signal(signal.SIGINT)


def _running_engines() -> Iterator[psutil.Process]:
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if child.name() == "pulumi" and child.status() != psutil.STATUS_ZOMBIE:
                yield child
