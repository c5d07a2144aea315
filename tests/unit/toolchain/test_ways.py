"""The first way that works is taken."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Literal

import pytest

import toolchain
from toolchain import built, download, installed, part, versions
from toolchain.model import Toolchain

if TYPE_CHECKING:
    from pathlib import Path


def made(origin: Literal["path", "download", "built"], version: str = "3.0.0") -> Toolchain:
    return Toolchain(origin=origin, version=version, path=(), env={})


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> dict[str, Toolchain | None]:
    """What each way gives; a test fills it in."""
    results: dict[str, Toolchain | None] = {}
    monkeypatch.setattr(installed, "find_installed_toolchain", lambda _: results.get("installed"))
    monkeypatch.setattr(download, "find_downloaded_toolchain", lambda _: results.get("downloaded"))
    monkeypatch.setattr(built, "find_built_toolchain", lambda _: results.get("built before"))
    monkeypatch.setattr(download, "download_toolchain", lambda _: results.get("download"))
    monkeypatch.setattr(built, "build_toolchain", lambda _: results.get("build"))
    return results


ORDER = ["installed", "downloaded", "built before", "download", "build"]


@pytest.mark.parametrize("first", ORDER)
def test_way_comes_before_those_after_it(ways: dict[str, Toolchain | None], tmp_path: Path, first: str) -> None:
    for name in ORDER[ORDER.index(first) :]:
        ways[name] = made("built", version=name)
    assert toolchain.obtain_toolchain(cache=tmp_path).version == first


def test_cache_folder_of_the_environment_is_used(
    ways: dict[str, Toolchain | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []
    ways["build"] = made("built")
    monkeypatch.setenv("CFS_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(built, "find_built_toolchain", asked.append)
    toolchain.obtain_toolchain()
    assert asked == [tmp_path / "toolchain"]


ASK = """
import subprocess, sys
from pathlib import Path
def refuse(*arguments, **options): raise AssertionError(arguments)
subprocess.Popen = refuse
import toolchain
print(toolchain.obtain_toolchain(cache=Path(sys.argv[1])).origin, *sys.modules)
"""

SLOW = {"rich", "filelock", "tenacity", "requests", "pulumi", "toolchain.build", "toolchain.compiler"}
"""Modules whose import takes longer than all else; only who gets a toolchain needs them."""


@pytest.mark.usefixtures("bin_folder")
def test_finished_toolchain_is_found_without_starting_a_process_or_loading_what_gets_one(tmp_path: Path) -> None:
    for declared in (part.engine_part(), part.providers_part()):
        declared.cache_entry(tmp_path).part_folder.mkdir()
    output = subprocess.run(
        [sys.executable, "-c", ASK, str(tmp_path)],
        cwd=versions.TOOLCHAIN_FOLDER.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
    origin, *loaded = output.split()
    assert origin == "built"
    assert SLOW.intersection(loaded) == set()


def test_unknown_name_is_no_part_of_the_package() -> None:
    with pytest.raises(AttributeError, match="nonesuch"):
        toolchain.nonesuch  # type: ignore[attr-defined]  # noqa: B018 -- that it is absent is the test
