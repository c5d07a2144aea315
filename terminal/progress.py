"""Progress of long steps: title, elapsed time, and units done.

A terminal shows one line that is updated. Elsewhere (CI, a pipe) a line is written when a step begins, when it is done,
and on progress at most every `QUIET_INTERVAL_SECONDS` seconds.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

QUIET_INTERVAL_SECONDS = 15.0
"""Minimum time in seconds between two progress lines of a step if the output is not a terminal."""

console = Console(stderr=True, highlight=False, markup=False)
"""Writes messages to stderr; stdout is only for results and `--json`.

Messages quote paths, names and other programs' output, whose brackets are not markup.
"""


class ProgressStep(Protocol):
    """A running step that displays its progress."""

    def advance_to(self, done: int, total: int | None = None) -> None:
        """Report that `done` of `total` units are finished; None if the total is unknown."""


class _TerminalStep:
    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=None)

    def advance_to(self, done: int, total: int | None = None) -> None:
        self._progress.update(self._task, completed=done, total=total)


class _LoggedStep:
    def __init__(self, title: str) -> None:
        self._title = title
        self._started = self._last = time.monotonic()
        console.print(f"{title} …")

    def advance_to(self, done: int, total: int | None = None) -> None:
        now = time.monotonic()
        if now - self._last >= QUIET_INTERVAL_SECONDS:
            self._last = now
            of = f" of {total}" if total is not None else ""
            console.print(f"{self._title}: {done}{of}, {now - self._started:.0f} s")

    def finish_step(self) -> None:
        console.print(f"{self._title}: done in {time.monotonic() - self._started:.1f} s")


@contextmanager
def show_progress(title: str) -> Iterator[ProgressStep]:
    """Show the progress of a step for the duration of the block."""
    if not sys.stderr.isatty():
        logged = _LoggedStep(title)
        yield logged
        logged.finish_step()
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield _TerminalStep(progress, title)
