"""The cache of finished parts. A part is either complete or absent, even if its build is interrupted.

A part (the engine, the providers, ...) is created in a folder below `work` and renamed to its final path when
it is complete. The creating process holds the part's lock. If that process is killed, the operating system releases
the lock, and the next holder deletes the leftovers.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LOCK_TIMEOUT_SECONDS = 3600
"""Seconds to wait for another process that is creating the same part."""

UNUSED_DAYS = 30
"""Days without use after which a superseded entry is deleted."""

GIB = 2**30


def cache_root() -> Path:
    """Return the cache's folder: $CFS_CACHE_DIR/toolchain, or else one in the platform's cache folder."""
    chosen = os.environ.get("CFS_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute() / "toolchain"
    from platformdirs import user_cache_path  # noqa: PLC0415 -- not needed by most runs

    return user_cache_path("claudefs-infra") / "toolchain"


def entry_key(texts: Iterable[str], files: Iterable[Path]) -> str:
    """Hash all inputs of a part; equal inputs share one entry.

    Args:
        texts: Inputs that are not files: flags, versions, the platform.
        files: Input files; both names and content are hashed.
    """
    digest = hashlib.sha256()
    for text in texts:
        digest.update(f"{len(text)}:{text}".encode())
    for file in sorted(files):
        content = file.read_bytes()
        digest.update(f"{file.name}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class CacheEntry:
    """A part's entry in the cache."""

    root: Path
    part: str
    """The part's name; a new entry supersedes older ones of the same part."""
    key: str

    @property
    def part_folder(self) -> Path:
        """Return the folder of the finished part."""
        return self.root / f"{self.part}-{self.key}"

    @property
    def log_file(self) -> Path:
        """Return the log file for the full output of the part's build."""
        return self.root / "logs" / f"{self.part}-{self.key}.log"

    def is_finished(self) -> bool:
        """Return whether the part is complete, and record its use."""
        try:
            os.utime(self.part_folder)
        except FileNotFoundError:
            return False
        return True

    @contextmanager
    def fill_entry(self, *, needed: int) -> Iterator[Path | None]:
        """Create the part in the yielded folder, which becomes the entry if the block succeeds.

        Yields None if another process finished the part while this one waited for the lock.

        Args:
            needed: Maximum disk space that this takes, in bytes.
        """
        with self._hold_lock():
            self._clear_work()
            if self.is_finished():
                yield None
                return
            if shutil.disk_usage(self.root).free < needed:
                raise no_space_error(self.root, needed=needed)
            work = Path(tempfile.mkdtemp(prefix=f"{self.part}-", dir=self._work_root()))
            try:
                yield work
                work.rename(self.part_folder)
            except OSError as failure:
                if failure.errno == errno.ENOSPC:
                    raise no_space_error(self.root, needed=needed) from failure
                raise
            finally:
                # Clear everything again: the compiler of a killed process may have kept writing for a while.
                self._clear_work()
            self._delete_superseded()

    @contextmanager
    def _hold_lock(self) -> Iterator[None]:
        from filelock import FileLock, Timeout  # noqa: PLC0415 -- not needed when the part is finished

        try:
            self._work_root().mkdir(parents=True, exist_ok=True)
            self.log_file.parent.mkdir(exist_ok=True)
            lock = FileLock(self.root / f"{self.part}.lock")
            lock.acquire(timeout=LOCK_TIMEOUT_SECONDS)
        except Timeout as waited:
            problem = f"Another process has held {waited.lock_file} for {LOCK_TIMEOUT_SECONDS // 60} minutes."
            raise UserError(problem, repair="Wait for it, or end it; then repeat the command.") from waited
        except OSError as failure:
            problem = f"The cache folder {self.root} cannot be written: {failure.strerror}."
            raise UserError(problem, repair="Set CFS_CACHE_DIR to a folder that you may write.") from failure
        try:
            yield
        finally:
            lock.release()

    def _work_root(self) -> Path:
        return self.root / "work"

    def _clear_work(self) -> None:
        for left in self._work_root().glob(f"{self.part}-*"):
            shutil.rmtree(left, ignore_errors=True)

    def _delete_superseded(self) -> None:
        oldest = time.time() - UNUSED_DAYS * 24 * 3600
        for other in self.root.glob(f"{self.part}-*"):
            if other != self.part_folder and other.stat().st_mtime < oldest:
                shutil.rmtree(other, ignore_errors=True)


def no_space_error(folder: Path, *, needed: int) -> UserError:
    """Return the error for a full disk."""
    free = shutil.disk_usage(folder).free
    return UserError(
        f"The disk of {folder} has {free / GIB:.1f} GB free; {needed / GIB:.1f} GB are needed.",
        repair="Free some space, or set CFS_CACHE_DIR to a folder on another disk.",
    )
