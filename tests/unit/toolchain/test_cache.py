"""A part in the cache is complete or absent."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from terminal.errors import UserError
from toolchain import cache, versions

REPOSITORY = versions.TOOLCHAIN_FOLDER.parent

if TYPE_CHECKING:
    from pathlib import Path


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def entry(root: Path, *, part: str = "engine", key: str = "1") -> cache.CacheEntry:
    return cache.CacheEntry(root=root, part=part, key=key)


def make(wanted: cache.CacheEntry) -> None:
    with wanted.fill_entry(needed=0) as work:
        assert work is not None
        (work / "file").write_text(wanted.key)


def age(folder: Path, *, days: float) -> None:
    then = time.time() - days * 24 * 3600
    os.utime(folder, (then, then))


def test_part_is_absent_before_it_is_made(tmp_path: Path) -> None:
    assert not entry(tmp_path).is_finished()


def test_part_is_finished_after_it_is_made(tmp_path: Path) -> None:
    make(entry(tmp_path))
    assert entry(tmp_path).is_finished()
    assert (entry(tmp_path).part_folder / "file").read_text() == "1"


def test_part_that_is_being_made_is_absent(tmp_path: Path) -> None:
    with entry(tmp_path).fill_entry(needed=0) as work:
        assert work is not None
        (work / "file").write_text("half")
        assert not entry(tmp_path).is_finished()


def test_failure_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with entry(tmp_path).fill_entry(needed=0) as work:
            assert work is not None
            (work / "file").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not entry(tmp_path).is_finished()
    assert list((tmp_path / "work").iterdir()) == []


def test_finished_part_is_not_made_again(tmp_path: Path) -> None:
    make(entry(tmp_path))
    with entry(tmp_path).fill_entry(needed=0) as work:
        assert work is None


def start(program: str, root: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, str(root)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


KILLED = """
import sys, time
from pathlib import Path
from toolchain.cache import CacheEntry
with CacheEntry(root=Path(sys.argv[1]), part="engine", key="1").fill_entry(needed=0) as work:
    (work / "file").write_text("half")
    print("making", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "making\n"
        process.send_signal(signal.SIGKILL)
    assert len(list((tmp_path / "work").iterdir())) == 1
    assert not entry(tmp_path).is_finished()
    make(entry(tmp_path))
    assert (entry(tmp_path).part_folder / "file").read_text() == "1"
    assert list((tmp_path / "work").iterdir()) == []


MAKER = """
import sys, time
from pathlib import Path
from toolchain.cache import CacheEntry
with CacheEntry(root=Path(sys.argv[1]), part="engine", key="1").fill_entry(needed=0) as work:
    print("waited" if work is None else "made", flush=True)
    time.sleep(0.5)
"""


def test_of_two_processes_one_makes_the_part_and_the_other_waits(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MAKER, str(tmp_path)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=30)[0].strip() for process in processes]
    assert sorted(outputs) == ["made", "waited"]


def test_parts_that_were_not_used_for_long_are_deleted(tmp_path: Path) -> None:
    for key in ("old", "recent"):
        make(entry(tmp_path, key=key))
    make(entry(tmp_path, part="providers", key="other"))
    age(entry(tmp_path, key="old").part_folder, days=31)
    age(entry(tmp_path, key="recent").part_folder, days=29)
    age(entry(tmp_path, part="providers", key="other").part_folder, days=31)
    make(entry(tmp_path, key="new"))
    left = {folder.name for folder in tmp_path.iterdir() if folder.is_dir()}
    assert left == {"engine-recent", "engine-new", "providers-other", "work", "logs"}


def test_use_keeps_a_part_from_being_deleted(tmp_path: Path) -> None:
    make(entry(tmp_path, key="old"))
    age(entry(tmp_path, key="old").part_folder, days=31)
    assert entry(tmp_path, key="old").is_finished()
    make(entry(tmp_path, key="new"))
    assert entry(tmp_path, key="old").is_finished()


def test_too_little_room_is_said_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(total=8 << 30, used=7 << 30, free=1 << 30))
    with pytest.raises(UserError) as failure, entry(tmp_path).fill_entry(needed=4 << 30):
        pytest.fail("the work began")
    assert str(tmp_path) in failure.value.problem
    assert "1.0 GB free; 4.0 GB are needed" in failure.value.problem
    assert "CFS_CACHE_DIR" in failure.value.repair


def test_disk_that_fills_up_during_the_work_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"GB free; 4\.0 GB are needed"), entry(tmp_path).fill_entry(needed=4 << 30):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not entry(tmp_path).is_finished()


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError) as failure, entry(tmp_path / "file").fill_entry(needed=0):
        pytest.fail("the work began")
    assert str(tmp_path / "file") in failure.value.problem
    assert "CFS_CACHE_DIR" in failure.value.repair


def test_wait_for_another_process_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LOCK_TIMEOUT_SECONDS", 0)
    with entry(tmp_path).fill_entry(needed=0), pytest.raises(UserError, match=r"engine\.lock"):
        make(entry(tmp_path))


def test_cache_folder_is_chosen_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFS_CACHE_DIR", str(tmp_path))
    assert cache.cache_root() == tmp_path / "toolchain"


def test_cache_folder_is_the_users_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CFS_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path in cache.cache_root().parents
    assert cache.cache_root().parts[-2:] == ("claudefs-infra", "toolchain")


def test_key_depends_on_each_input(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("content")
    second.write_text("content")
    keys = [
        cache.entry_key(["a", "b"], [first]),
        cache.entry_key(["ab"], [first]),
        cache.entry_key(["a", "b"], [second]),
        cache.entry_key(["a", "b"], [first, second]),
    ]
    first.write_text("changed")
    keys.append(cache.entry_key(["a", "b"], [first]))
    assert len(set(keys)) == len(keys)


def test_key_does_not_depend_on_the_order_of_files(tmp_path: Path) -> None:
    files = [tmp_path / name for name in "ab"]
    for file in files:
        file.write_text("content")
    assert cache.entry_key([], files) == cache.entry_key([], reversed(files))
