"""Running the Go command: output to a log, progress to the user, failures sorted by cause."""

from __future__ import annotations

import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from cfs.errors import UserError
from toolchain import cache, network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from toolchain.compiler import Go

ATTEMPTS = 4
"""How often a command that needs the network is tried."""

DOWNLOAD_LIMIT = 1200
"""Seconds for one attempt to download modules."""

BUILD_LIMIT = 3600
"""Seconds for a build; a cold one takes 4 minutes on two cores."""

STALE_SUMS = ("checksum mismatch", "SECURITY ERROR", "missing go.sum entry")


class _NetworkFailedError(Exception):
    """The command failed for the network's sake; another attempt may help."""


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A module's folder in which Go commands run."""

    go: Go
    folder: Path
    log: Path
    """The file that receives all output."""
    needed: int
    """Bytes of free disk that the whole work needs."""

    def download(self, *arguments: str, on_line: Callable[[str], None] = lambda _: None) -> str:
        """Run a command that may download modules, again if the network fails; give its stdout.

        Raises:
            UserError: It failed; the message says why.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(_NetworkFailedError),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential_jitter(initial=1, max=15),
            reraise=True,
        )
        try:
            return retrying(self._run, arguments, on_line=on_line, limit=DOWNLOAD_LIMIT)
        except _NetworkFailedError as failure:
            raise network.unreachable("the Go module proxy", str(failure)) from failure

    def build(self, *arguments: str, on_line: Callable[[str], None]) -> None:
        """Run `go build`.

        Raises:
            UserError: It failed; the message says why.
        """
        try:
            self._run(("build", *arguments), on_line=on_line, limit=BUILD_LIMIT)
        except _NetworkFailedError as failure:
            raise network.unreachable("the Go module proxy", str(failure)) from failure

    def _run(self, arguments: Sequence[str], *, on_line: Callable[[str], None], limit: int) -> str:
        answer = self.folder / "stdout.txt"
        lines: list[str] = []
        with (
            answer.open("w") as stdout,
            self.log.open("a") as log,
            self._process(arguments, stdout, limit) as go,
        ):
            log.write(f"$ go {' '.join(arguments)}\n")
            for line in go.stderr or ():
                log.write(line)
                lines.append(line.rstrip())
                on_line(line.rstrip())
            status = go.wait()
        if status == 0:
            return answer.read_text()
        raise self._failure(arguments[0], "\n".join(lines), status=status, limit=limit)

    @contextmanager
    def _process(self, arguments: Sequence[str], stdout: object, limit: int) -> Iterator[subprocess.Popen[str]]:
        """Start Go, and end it when the block ends or the time is up."""
        process = subprocess.Popen(
            [self.go.binary, *arguments],
            cwd=self.folder,
            env=self.go.environment(),
            stdin=subprocess.DEVNULL,
            stdout=stdout,  # type: ignore[call-overload]  # typeshed spells out too few file types
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
            process.kill()
            process.wait()
            if process.stderr:
                process.stderr.close()

    def _failure(self, command: str, output: str, *, status: int, limit: int) -> Exception:
        if "no space left on device" in output:
            return cache.no_space(self.folder, needed=self.needed)
        if any(sign in output for sign in STALE_SUMS):
            return UserError(
                f"A Go module's content is not what its go.sum pins:\n{network.tail(output)}",
                repair="Check GOPROXY, delete the modules with `go clean -modcache`, and repeat the command.",
            )
        if network.is_network_failure(output):
            return _NetworkFailedError(network.tail(output))
        late = f" (it was ended after {limit} s)" if status < 0 else ""
        return UserError(
            f"`go {command}` failed{late}; its full output is in {self.log}:\n{network.tail(output)}",
            repair="Repeat the command; if it fails again, install Pulumi yourself "
            "(https://www.pulumi.com/docs/install/).",
        )
