"""A cache of the Debian archive for the guests."""

from __future__ import annotations

import hashlib
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from typing import TYPE_CHECKING

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LIST_SECONDS = 24 * 3600
_MIRROR_SECONDS = 120


class AptCache:
    """Files of an archive, downloaded once: packages are kept for good, lists for a day."""

    def __init__(self, *, mirror: str, folder: Path) -> None:
        """Keep the files of the archive at the URL `mirror` in `folder`."""
        self._mirror = mirror
        self._folder = folder
        self._locks: Mapping[Path, threading.Lock] = defaultdict(threading.Lock)
        folder.mkdir(parents=True, exist_ok=True)

    def read_file(self, path: str) -> bytes | None:
        """Return a file of the archive, or None if it has no such file.

        Args:
            path: Path below the archive's URL, without a leading slash.

        Raises:
            OSError: The mirror does not answer.
        """
        kept = self._folder / hashlib.sha256(path.encode()).hexdigest()
        with self._locks[kept]:
            if not is_fresh(path, kept, now=time.time()):
                body = self._download(path)
                if body is None:
                    return None
                kept.with_suffix(".new").write_bytes(body)
                kept.with_suffix(".new").replace(kept)
            return kept.read_bytes()

    def _download(self, path: str) -> bytes | None:
        for attempt in Retrying(
            stop=stop_after_attempt(3), wait=wait_fixed(1), retry=retry_if_exception_type(OSError), reraise=True
        ):
            with attempt:
                try:
                    with urllib.request.urlopen(f"{self._mirror}/{path}", timeout=_MIRROR_SECONDS) as answer:
                        return bytes(answer.read())
                except urllib.error.HTTPError as error:
                    if error.code == 404:  # noqa: PLR2004 — HTTP's own number
                        return None
                    raise
        return None


def is_fresh(path: str, kept: Path, *, now: float) -> bool:
    """Return whether a kept file need not be downloaded again.

    Args:
        path: Path in the archive.
        kept: The local copy.
        now: Seconds since the epoch.
    """
    if not kept.exists():
        return False
    # Their names contain a version or a checksum.
    is_fixed = path.endswith(".deb") or "/by-hash/" in path
    return is_fixed or now - kept.stat().st_mtime < _LIST_SECONDS
