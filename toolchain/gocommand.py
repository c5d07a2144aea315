"""Runs the Go command: logs its output, shows progress, and classifies failures."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from terminal.errors import UserError
from toolchain import cache, network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from toolchain.compiler import GoCompiler

NETWORK_ATTEMPTS = 4
"""Attempts of a command that needs the network."""

NETWORK_PAUSE = wait_exponential_jitter(multiplier=1, max=15)
"""The wait between two attempts, in seconds."""

DOWNLOAD_TIMEOUT_SECONDS = 1200
"""Time limit for one attempt to download modules, in seconds."""

BUILD_TIMEOUT_SECONDS = 3600
"""Time limit for a build, in seconds; with empty caches it takes 4 to 9 minutes on two cores."""

END_TIMEOUT_SECONDS = 5
"""Seconds that Go has to exit after an interrupt."""

STALE_SUM_SIGNS = ("checksum mismatch", "SECURITY ERROR", "missing go.sum entry")


class _NetworkFailedError(Exception):
    """The command failed because of the network; another attempt may help."""


@dataclass(frozen=True, kw_only=True)
class GoWorkspace:
    """A module's folder, in which Go commands run."""

    go: GoCompiler
    folder: Path
    log: Path
    """The file that receives all output."""
    needed: int
    """Free disk space that the whole build needs, in bytes."""

    def run_with_network(self, *arguments: str, on_line: Callable[[str], None] = lambda _: None) -> str:
        """Run a command that may download modules, retry if the network fails, and return its stdout."""
        retrying = Retrying(
            retry=retry_if_exception_type(_NetworkFailedError),
            stop=stop_after_attempt(NETWORK_ATTEMPTS),
            wait=NETWORK_PAUSE,
            reraise=True,
        )
        try:
            return retrying(self._run_go, arguments, on_line=on_line, limit=DOWNLOAD_TIMEOUT_SECONDS)
        except _NetworkFailedError as failure:
            raise network.unreachable_error("the Go module proxy", str(failure)) from failure

    def run_build(self, *arguments: str, on_line: Callable[[str], None]) -> None:
        """Run `go build`."""
        self._run_go(("build", *arguments), on_line=on_line, limit=BUILD_TIMEOUT_SECONDS)

    def _run_go(self, arguments: Sequence[str], *, on_line: Callable[[str], None], limit: int) -> str:
        lines: list[str] = []
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8") as stdout,
            self.log.open("a") as log,
            self._running_process(arguments, stdout, limit) as process,
        ):
            log.write(f"$ go {' '.join(arguments)}\n")
            for line in process.stderr or ():
                log.write(line)
                lines.append(line.rstrip())
                on_line(line.rstrip())
            if process.wait() != 0:
                raise self._go_error(arguments[0], "\n".join(lines), is_late=process.returncode < 0)
            stdout.seek(0)
            return stdout.read()

    @contextmanager
    def _running_process(
        self, arguments: Sequence[str], stdout: IO[str], limit: int
    ) -> Iterator[subprocess.Popen[str]]:
        """Start Go; stop it at the time limit or at the end of the block."""
        process = subprocess.Popen(
            [self.go.binary, *arguments],
            cwd=self.folder,
            env=self.go.build_environment(),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        watchdog = threading.Timer(limit, process.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            _end_process(process)

    def _go_error(self, command: str, output: str, *, is_late: bool) -> Exception:
        if "no space left on device" in output:
            return cache.no_space_error(self.folder, needed=self.needed)
        if any(sign in output for sign in STALE_SUM_SIGNS):
            return UserError(
                f"A Go module's content is not what its go.sum pins:\n{network.output_tail(output)}",
                repair="Check GOPROXY, delete the modules with `go clean -modcache`, and repeat the command.",
            )
        if command != "build" and network.is_network_failure(output):
            return _NetworkFailedError(network.output_tail(output))
        end = " took too long and was stopped" if is_late else " failed"
        return UserError(
            f"`go {command}`{end}; its full output is in {self.log}:\n{network.output_tail(output)}",
            repair="Repeat the command; if it fails again, install Pulumi yourself "
            "(https://www.pulumi.com/docs/install/).",
        )


def _end_process(process: subprocess.Popen[str]) -> None:
    """Stop Go if it is running. An interrupt, unlike a kill, also stops its compilers."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(END_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stderr:
        process.stderr.close()
