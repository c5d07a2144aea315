"""Runs `cfs local up` as a separate process, with an engine that can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import psutil

from infra.project import PROJECT_FOLDER
from local.account import RUN_MARKER_VARIABLE
from terminal.errors import UserError

if TYPE_CHECKING:
    from types import TracebackType

    from local.engine import LocalEngine

CFS_COMMAND = (sys.executable, "-c", "from cli.app import main; main()")
"""The command line of `cfs` with this process's Python."""

_DEADLINE_SECONDS = 300.0
_POLL_SECONDS = 0.005
_END_SECONDS = 5.0


class KillableUp:
    """A running `cfs local up`; its processes are killed if the block ends with an exception, for example by Ctrl-C."""

    def __init__(self, engine: LocalEngine) -> None:
        """Prepare a run on the engine's account."""
        self._engine = engine
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 — __exit__ closes it
        self._environment = os.environ | {"CFS_LOCAL_DIR": str(engine.account.folder)}
        self.output = ""

    def __enter__(self) -> Self:
        """Start the run in a new process group, so that Ctrl-C in this process does not reach it."""
        self._process = subprocess.Popen(
            [*CFS_COMMAND, "local", "up"],
            cwd=PROJECT_FOLDER,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Store the output, and kill all processes after an exception."""
        if kind is not None:
            self._kill_processes(*self.live_processes(), psutil.Process(self._process.pid))
        self._log.seek(0)
        self.output = self._log.read()
        self._log.close()

    @property
    def exit_status(self) -> int | None:
        """The run's exit status, or None before it has been waited for."""
        return self._process.returncode

    def wait_for_end(self) -> None:
        """Wait for the run to end."""
        try:
            self._process.wait(_DEADLINE_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise UserError(
                f"`cfs local up` has not ended within {_DEADLINE_SECONDS:.0f} s.",
                repair="run `make up` and see what it waits for",
            ) from error

    def seconds_at_work(self) -> float:
        """Wait for the run to end, and return the duration of the engine's deployment."""
        engine = self.await_engine()
        began = time.monotonic()
        while _is_alive(engine):
            time.sleep(_POLL_SECONDS)
        seconds = time.monotonic() - began
        self.wait_for_end()
        return seconds

    def kill_after(self, seconds: float, *, with_command: bool) -> float | None:
        """Kill the engine, and optionally `cfs`, after the engine has been running for some time.

        Returns:
            The time for which the engine had been running, in seconds; None if it had already exited.
        """
        engine = self.await_engine()
        began = time.monotonic()
        while time.monotonic() - began < seconds and _is_alive(engine):
            time.sleep(_POLL_SECONDS)
        if not _is_alive(engine):
            self.wait_for_end()
            return None
        at = time.monotonic() - began
        if with_command:
            self._process.kill()
        engine.kill()
        if with_command:
            self._process.wait()
        while _is_alive(engine):
            time.sleep(_POLL_SECONDS)
        return at

    def live_processes(self) -> list[psutil.Process]:
        """Return the running processes of the account's runs, including engines."""
        return [
            process for process in psutil.process_iter() if _carries_marker(process, self._engine.account.run_marker)
        ]

    def remaining_processes(self) -> list[psutil.Process]:
        """Return the processes of the account's runs that do not end by themselves within seconds.

        A plugin that was just starting notices only a moment later that its engine has ended.
        """
        _, alive = psutil.wait_procs(self.live_processes(), timeout=_END_SECONDS)
        return list(alive)

    def send_interrupt(self, *, number: int = signal.SIGINT, group: bool = True) -> None:
        """Send a signal to the whole process group, as a terminal does on Ctrl-C, or only to `cfs`."""
        if group:
            os.killpg(self._process.pid, number)
        else:
            self._process.send_signal(number)

    def await_engine(self) -> psutil.Process:
        """Wait until the engine starts to deploy, and return its process."""
        while self._process.poll() is None:
            engine = self._find_engine()
            if engine is not None:
                return engine
            time.sleep(_POLL_SECONDS)
        self._log.seek(0)
        raise UserError(
            f"`cfs local up` ended with status {self._process.returncode} before it deployed:\n{self._log.read()}",
            repair="run `make up` and repair what it says",
        )

    def _find_engine(self) -> psutil.Process | None:
        """Return the process of the engine that deploys, not of one that runs a query."""
        with suppress(psutil.Error):
            for child in psutil.Process(self._process.pid).children():
                if child.cmdline()[1:2] == ["up"]:
                    return child
        return None

    @staticmethod
    def _kill_processes(*processes: psutil.Process) -> None:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=_END_SECONDS)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _carries_marker(process: psutil.Process, marker: str) -> bool:
    try:
        return process.environ().get(RUN_MARKER_VARIABLE) == marker and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
