"""Downloads files: gives up quickly if a host is unreachable, and retries broken transfers."""

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
"""Time limit to connect, and for the response to a first request, in seconds."""

PROBE_TIMEOUT_SECONDS = 4.0
"""Time limit for a whole first request, in seconds. It includes name resolution, which has no separate limit."""

READ_TIMEOUT_SECONDS = 30.0
"""Seconds without data after which a transfer has failed."""

TRANSFER_ATTEMPTS = 3
TRANSFER_PAUSE = wait_exponential_jitter(multiplier=0.2, max=5)
"""The wait between two attempts, in seconds."""

CHUNK_BYTES = 1 << 20


class UnavailableError(Exception):
    """A file cannot be downloaded: its host is unreachable, the file is absent, or every attempt broke off."""


class _BrokenOffError(Exception):
    """A transfer ended early."""


@dataclass(frozen=True, kw_only=True)
class FinishedTransfer:
    """A completely downloaded file."""

    size: int
    sha256: str


def are_reachable(urls: Sequence[str]) -> bool:
    """Return, within `PROBE_TIMEOUT_SECONDS`, whether all files are available from their hosts."""
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
        url: The file's URL.
        target: The file to write.
        on_progress: Called with the numbers of received and expected bytes.

    Raises:
        UnavailableError: The file is not available.
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
