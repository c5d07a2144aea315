"""Downloading files: soon given up where a host is unreachable, repeated where a transfer breaks."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, cast
from urllib.error import HTTPError
from urllib.request import urlopen

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from http.client import HTTPResponse
    from pathlib import Path

CONNECT_TIMEOUT_SECONDS = 3.0
"""Seconds to connect, and to wait for the answer to a first request."""

PROBE_TIMEOUT_SECONDS = 4.0
"""Seconds for a first request in all, with the resolution of names, which has no limit of its own."""

READ_TIMEOUT_SECONDS = 30.0
"""Seconds that a transfer may stand still."""

TRANSFER_ATTEMPTS = 3
TRANSFER_PAUSE = wait_exponential_jitter(multiplier=0.2, max=5)
"""The wait between two attempts."""

CHUNK_BYTES = 1 << 20


class UnavailableError(Exception):
    """A file cannot be had from its host: unreachable, absent or broken off again and again."""


class _BrokenOffError(Exception):
    """A transfer ended early."""


@dataclass(frozen=True, kw_only=True)
class FinishedTransfer:
    """A file that has arrived whole."""

    size: int
    sha256: str


def are_reachable(urls: Sequence[str]) -> bool:
    """Tell within `PROBE_TIMEOUT_SECONDS` whether all files can be had from their hosts."""
    answers: list[bool] = []

    def ask_host(url: str) -> None:
        try:
            with _open_url(url, CONNECT_TIMEOUT_SECONDS):
                answers.append(True)
        except UnavailableError:
            answers.append(False)

    threads = [threading.Thread(target=ask_host, args=(url,), daemon=True) for url in urls]
    for thread in threads:
        thread.start()
    end = time.monotonic() + PROBE_TIMEOUT_SECONDS
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    return len(answers) == len(urls) and all(answers)


def download_file(
    url: str, target: Path, *, on_progress: Callable[[int, int], None] = lambda _done, _all: None
) -> FinishedTransfer:
    """Download a file.

    Args:
        url: Where it is.
        target: The file to write.
        on_progress: Called with the bytes that have arrived and those expected.

    Raises:
        UnavailableError: It cannot be had.
    """
    retrying = Retrying(
        retry=retry_if_exception_type(_BrokenOffError),
        stop=stop_after_attempt(TRANSFER_ATTEMPTS),
        wait=TRANSFER_PAUSE,
        reraise=True,
    )
    try:
        return retrying(_attempt_download, url, target, on_progress)
    except _BrokenOffError as failure:
        raise UnavailableError(str(failure)) from failure


def _attempt_download(url: str, target: Path, on_progress: Callable[[int, int], None]) -> FinishedTransfer:
    digest = hashlib.sha256()
    done = 0
    with _open_url(url, READ_TIMEOUT_SECONDS) as answer, target.open("wb") as file:
        expected = int(answer.headers.get("Content-Length") or 0)
        try:
            while chunk := answer.read(CHUNK_BYTES):
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                on_progress(done, expected)
        except (TimeoutError, ConnectionError, HTTPException) as failure:
            raise _BrokenOffError(f"{url} broke off after {done} bytes: {failure}") from failure
    if done < expected:
        raise _BrokenOffError(f"{url} ended after {done} of {expected} bytes")
    return FinishedTransfer(size=done, sha256=digest.hexdigest())


def _open_url(url: str, limit: float) -> HTTPResponse:
    try:
        answer = urlopen(url, timeout=limit)
    except HTTPError as failure:
        failure.close()
        raise UnavailableError(f"{url} answers {failure.code}") from failure
    except (OSError, HTTPException) as failure:
        raise UnavailableError(f"{url}: {failure}") from failure
    return cast("HTTPResponse", answer)
