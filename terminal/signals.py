"""Ctrl-C ends `cfs` and its engine in order, and so does SIGTERM."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from types import FrameType


def install_signal_handlers() -> None:
    """Pass SIGTERM on to running engines as SIGINT; where none runs, end this process as Ctrl-C would."""
    # A process in the background inherits that SIGINT is ignored, and so would all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _forward_interrupt)


def _forward_interrupt(_number: int, _frame: FrameType | None) -> None:
    engines = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if child.name() == "pulumi" and child.status() != psutil.STATUS_ZOMBIE:
                child.send_signal(signal.SIGINT)
                engines.append(child)
    if not engines:
        raise KeyboardInterrupt
